"""Writes: by the ORM, sync and async, and by raw SQL."""

# ruff: noqa: ARG002  (every act is given what was drawn)

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Subquery

from tests.conformance.machine.blocks import Blocks
from tests.shop.models import Author, Book, Stock, Tag
from tests.world import ONE


def in_a_loop(model, name):
    """Return the manager's asynchronous method, to be called without `await`."""

    async def call(**given):
        return await getattr(model.objects, name)(**given)

    return async_to_sync(call)


class Writes(Blocks):
    """What changes rows through the ORM."""

    def save(self, given):
        """Save a row: a new one, or over what is there."""
        name = f"{given.word} {self.mark}"
        self.do(
            lambda rows: rows.authors.update({given.pk: name}),
            lambda: Author(pk=given.pk, name=name).save(),
        )

    def create(self, given):
        """Create a row where there is none; in an event loop as well."""
        name = f"{given.word} {self.mark}"
        if given.pk not in self.mine.tags:
            create = in_a_loop(Tag, "acreate") if given.flag else Tag.objects.create
            self.do(
                lambda rows: rows.tags.update({given.pk: name}),
                lambda: create(pk=given.pk, name=name),
            )

    def delete(self, given):
        """Delete a row, and what refers to it."""
        model = [Author, Book, Tag][given.place % 3]
        name = f"delete_{model._meta.model_name}"
        self.do(
            lambda rows: getattr(rows, name)(given.pk),
            lambda: model.objects.filter(pk=given.pk).delete(),
        )

    def update(self, given):
        """Update a row."""
        name = f"{given.word} {self.mark}"

        def change(rows):
            if given.pk in rows.authors:
                rows.authors[given.pk] = name

        self.do(change, lambda: Author.objects.filter(pk=given.pk).update(name=name))

    def relate(self, given):
        """Give a book an author, or none where there is none of that key."""
        author = given.other if given.other in self.mine.authors else None
        title = f"{given.word} {self.mark}"
        self.do(
            lambda rows: rows.books.update({given.pk: (title, author)}),
            lambda: Book.objects.update_or_create(
                pk=given.pk, defaults={"title": title, "author_id": author}
            ),
        )

    def link(self, given):
        """Add a tag to a book, take it away, or leave it alone there."""
        rows, link = self.mine, (given.pk, given.other)
        if given.pk not in rows.books or given.other not in rows.tags:
            return
        manager = Book.objects.get(pk=given.pk).tags
        tag = Tag.objects.get(pk=given.other)
        if given.place % 3 == 0:
            manager.remove(tag)
            rows.links.discard(link)
        elif given.place % 3 == 1:
            manager.add(tag)
            rows.links.add(link)
        else:
            manager.set([tag])
            rows.links = {each for each in rows.links if each[0] != given.pk} | {link}

    def update_by_subquery(self, given):
        """Update books whose author a subquery finds."""
        title = f"{given.word} {self.mark}"

        def change(rows):
            for pk, (_, author) in rows.books.items():
                if author is not None and rows.authors[author].startswith("red"):
                    rows.books[pk] = (title, author)

        red = {"name__startswith": "red"}
        self.do(
            change,
            lambda: Book.objects.filter(author__in=Author.objects.filter(**red)).update(
                title=title
            ),
        )

    def bulk_create(self, given):
        """Create rows, of keys that may be taken: they win, or are ignored."""
        named = {} if connection.vendor == "mysql" else {"unique_fields": ["sku"]}
        over = {"update_conflicts": True, "update_fields": ["count"], **named}
        options = over if given.flag else {"ignore_conflicts": True}
        wanted = {given.sku: given.count, "nut": 5}

        def change(rows):
            old = rows.stock
            rows.stock = {**old, **wanted} if given.flag else {**wanted, **old}

        self.do(
            change,
            lambda: Stock.objects.bulk_create(
                [Stock(sku=sku, count=count) for sku, count in wanted.items()],
                **options,
            ),
        )

    def bulk_create_without_keys(self, given):
        """The keys that the database gives are those of the rows it made."""
        made = [Tag(name=f"{given.word} {self.mark}") for _ in range(2)]

        def change(rows):
            assert not {tag.pk for tag in made} & rows.tags.keys()
            rows.tags.update({tag.pk: tag.name for tag in made})

        self.do(change, lambda: Tag.objects.bulk_create(made))

    def bulk_update(self, given):
        """Update rows that were read, each by its key."""
        name = f"{given.word} {self.mark}"

        def act():
            authors = list(Author.objects.all())
            for author in authors:
                author.name = name
            Author.objects.bulk_update(authors, ["name"])

        self.do(
            lambda rows: rows.authors.update(dict.fromkeys(rows.authors, name)), act
        )

    def get_or_create(self, given):
        """Get a row or create it; in an event loop as well."""
        name = "get_or_create"
        act = (
            in_a_loop(Stock, f"a{name}") if given.flag else Stock.objects.get_or_create
        )
        self.do(
            lambda rows: rows.stock.setdefault(given.sku, given.count),
            lambda: act(sku=given.sku, defaults={"count": given.count}),
        )

    def update_or_create(self, given):
        """Update a row or create it; in an event loop as well."""
        manager = Stock.objects
        later = in_a_loop(Stock, "aupdate_or_create")
        act = later if given.flag else manager.update_or_create
        self.do(
            lambda rows: rows.stock.update({given.sku: given.count}),
            lambda: act(sku=given.sku, defaults={"count": given.count}),
        )

    def count_up(self, given):
        """Update rows by what they hold."""
        self.do(
            lambda rows: rows.stock.update({s: n + 1 for s, n in rows.stock.items()}),
            lambda: Stock.objects.update(count=F("count") + 1),
        )

    def copy_a_name(self, given):
        """Update rows by what another table holds."""

        def change(rows):
            if rows.tags:
                name = rows.tags[min(rows.tags)]
                rows.authors.update(dict.fromkeys(rows.authors, name))

        def act():
            first = Tag.objects.order_by("pk").values("name")[:1]
            if Tag.objects.exists():
                Author.objects.update(name=Subquery(first))

        self.do(change, act)


class RawWrites(Writes):
    """What changes rows by SQL of the project's own."""

    def sql(self, statement, params=(), *, many=False):
        """Run the statement; with no tenant active it finds no table."""
        if self.active is None:
            with (
                pytest.raises(DatabaseError),
                transaction.atomic(),
                connection.cursor() as cursor,
            ):
                cursor.execute(statement, params[0] if many else params)
            return []
        with connection.cursor() as cursor:
            (cursor.executemany if many else cursor.execute)(statement, params)
            return [] if many or not cursor.description else cursor.fetchall()

    def raw_insert(self, given):
        """Insert a row, where there is none."""
        name = f"{given.word} {self.mark}"
        if given.pk not in self.mine.tags:
            self.sql(
                "INSERT INTO shop_tag (id, name) VALUES (%s, %s)", [given.pk, name]
            )
            self.mine.tags[given.pk] = name

    def raw_update(self, given):
        """Update a row."""
        name = f"{given.word} {self.mark}"
        self.sql("UPDATE shop_author SET name = %s WHERE id = %s", [name, given.pk])
        if given.pk in self.mine.authors:
            self.mine.authors[given.pk] = name

    def raw_update_of_many(self, given):
        """Update rows, each by a statement of its own."""
        name = f"{given.word} {self.mark}"
        each = [(name, pk) for pk in (ONE, ONE + 1)]
        self.sql("UPDATE shop_tag SET name = %s WHERE id = %s", each, many=True)
        for _, pk in each:
            if pk in self.mine.tags:
                self.mine.tags[pk] = name

    def raw_delete(self, given):
        """Delete a row."""
        self.sql("DELETE FROM shop_stock WHERE sku = %s", [given.sku])
        self.mine.stock.pop(given.sku, None)

    def raw_upsert(self, given):
        """Insert a row, or update what has its key."""
        end = (
            "ON DUPLICATE KEY UPDATE count = VALUES(count)"
            if connection.vendor == "mysql"
            else "ON CONFLICT (sku) DO UPDATE SET count = EXCLUDED.count"
        )
        self.sql(
            f"INSERT INTO shop_stock (sku, count) VALUES (%s, %s) {end}",
            [given.sku, given.count],
        )
        self.mine.stock[given.sku] = given.count

    def raw_select(self, given):
        """Read rows."""
        found = self.sql("SELECT id, name FROM shop_author")
        assert dict(found) == self.mine.authors
