"""What each tenant must hold, in plain Python, with the semantics of transactions."""

from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from hypothesis import strategies as st

from tests.world import ONE


@dataclass
class Rows:
    """The rows of one tenant."""

    authors: dict[int, str] = field(default_factory=dict)
    books: dict[int, tuple[str, int | None]] = field(default_factory=dict)
    tags: dict[int, str] = field(default_factory=dict)
    links: set[tuple[int, int]] = field(default_factory=set)
    stock: dict[str, int] = field(default_factory=dict)

    def delete_author(self, pk):
        """Delete the author, and the books with it."""
        self.authors.pop(pk, None)
        for book in [b for b, (_, author) in self.books.items() if author == pk]:
            self.delete_book(book)

    def delete_book(self, pk):
        """Delete the book, and its links with it."""
        self.books.pop(pk, None)
        self.links = {link for link in self.links if link[0] != pk}

    def delete_tag(self, pk):
        """Delete the tag, and its links with it."""
        self.tags.pop(pk, None)
        self.links = {link for link in self.links if link[1] != pk}


TABLES = {
    "shop_author": "id, name",
    "shop_book": "id, title, author_id",
    "shop_tag": "id, name",
    "shop_book_tags": "book_id, tag_id",
    "shop_stock": "sku, count",
}


def rows_in_force():
    """Return what the active tenant holds, by SQL of our own."""
    found = []
    with connection.cursor() as cursor:
        for table, columns in TABLES.items():
            cursor.execute(f"SELECT {columns} FROM {table}")
            found.append(cursor.fetchall())
    authors, books, tags, links, stock = found
    return Rows(
        dict(authors),
        {pk: (title, author) for pk, title, author in books},
        dict(tags),
        set(links),
        dict(stock),
    )


@dataclass(eq=False)
class Frame:
    """An open block or savepoint, and what a rollback of it brings back."""

    where: str
    active: str | None
    before: dict[str, Rows]
    callbacks: int
    block: Any = None
    savepoint: Any = None


@dataclass(frozen=True)
class Given:
    """What hypothesis draws for an act, which takes of it what it needs."""

    pk: int
    other: int
    word: str
    sku: str
    count: int
    place: int
    flag: bool
    tenant: str | None


keys = st.integers(ONE, ONE + 3)
given = st.builds(
    Given,
    pk=keys,
    other=keys,
    word=st.sampled_from(["red", "green", "blue"]),
    sku=st.sampled_from(["nut", "bolt", "screw"]),
    count=st.integers(2, 9),
    place=st.integers(0, 7),
    flag=st.booleans(),
    tenant=st.sampled_from(["a", "b", "a", "b", "a", "b", None]),
)
