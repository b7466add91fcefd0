"""An object of one tenant can't be used in another."""

# ruff: noqa: ARG005  (every act takes the objects of both)

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.db.models import prefetch_related_objects

from tenantry import override_tenant
from tenantry.exceptions import NoActiveTenant, WrongTenant
from tests.shop.models import Author, Book, Note, Tag
from tests.world import ONE, TWO, read, rows, without_guards


def set_title(book):
    """Return the book, changed."""
    book.title = "new"
    return book


# Each is tried in tenant B. `a` and `b` are the objects of A and B, with equal keys.
WRITES = {
    "save": lambda a, b: a.author.save(),
    "save using default": lambda a, b: a.author.save(using="default"),
    "save some fields": lambda a, b: a.author.save(update_fields=["name"]),
    "save_base raw": lambda a, b: a.author.save_base(raw=True, using="default"),
    "delete": lambda a, b: a.book.delete(),
    "delete using default": lambda a, b: a.book.delete(using="default"),
    "create by reverse key": lambda a, b: a.author.books.create(title="new"),
    "create by reverse key, get_or": lambda a, b: a.author.books.get_or_create(
        title="new"
    ),
    "create by reverse key, update_or": lambda a, b: a.author.books.update_or_create(
        title="new"
    ),
    "update by reverse key": lambda a, b: a.author.books.update(title="new"),
    "add to reverse key of A": lambda a, b: a.author2.books.add(b.book),
    "add of A to reverse key": lambda a, b: b.author2.books.add(a.book),
    "add of A to reverse key, saved": lambda a, b: b.author2.books.add(
        a.book, bulk=False
    ),
    "remove of A from reverse key": lambda a, b: b.author.books.remove(a.book),
    "set of A to reverse key": lambda a, b: b.author.books.set([a.book]),
    "clear reverse key of A": lambda a, b: a.author.books.clear(),
    "assign foreign key": lambda a, b: (
        setattr(b.book, "author", a.author2),
        b.book.save(),
    ),
    "foreign key at init": lambda a, b: Book(title="new", author=a.author).save(),
    "foreign key at create": lambda a, b: Book.objects.create(
        title="new", author=a.author
    ),
    "add to many-to-many": lambda a, b: b.book2.tags.add(a.tag),
    "add to many-to-many of A": lambda a, b: a.book2.tags.add(b.tag),
    "add a key to many-to-many of A": lambda a, b: a.book2.tags.add(TWO),
    "remove from many-to-many": lambda a, b: b.book.tags.remove(a.tag),
    "remove from reverse many-to-many": lambda a, b: b.tag.books.remove(a.book),
    "remove key from many-to-many of A": lambda a, b: a.book.tags.remove(ONE),
    "set many-to-many": lambda a, b: b.book.tags.set([a.tag2]),
    "clear many-to-many of A": lambda a, b: a.book.tags.clear(),
    "create in many-to-many of A": lambda a, b: a.book.tags.create(name="new"),
    "assign generic key": lambda a, b: (
        setattr(b.note, "about", a.author2),
        b.note.save(),
    ),
    "generic key at create": lambda a, b: Note.objects.create(
        text="new", about=a.author
    ),
    "add to generic relation": lambda a, b: b.author2.notes.add(a.note),
    "remove from generic relation": lambda a, b: b.author.notes.remove(a.note),
    "set generic relation": lambda a, b: b.author2.notes.set([a.note]),
    "clear generic relation of A": lambda a, b: a.author.notes.clear(),
    "create in generic relation of A": lambda a, b: a.author.notes.create(text="new"),
    "bulk_create": lambda a, b: Author.objects.bulk_create(
        [a.author],
        update_conflicts=True,
        unique_fields=["id"] if connection.vendor != "mysql" else None,
        update_fields=["name"],
    ),
    "bulk_create, second": lambda a, b: Tag.objects.bulk_create(
        [Tag(name="new"), a.tag], ignore_conflicts=True
    ),
    "bulk_update": lambda a, b: Author.objects.bulk_update(
        [b.author2, a.author], ["name"]
    ),
    "bulk_update of a foreign key": lambda a, b: Book.objects.bulk_update(
        [set_title(a.book2)], ["title", "author"]
    ),
    "update with an object": lambda a, b: Book.objects.update(author=a.author2),
    "update_or_create": lambda a, b: Book.objects.update_or_create(
        pk=ONE, defaults={"author": a.author2}
    ),
    "get_or_create": lambda a, b: Book.objects.get_or_create(
        title="new", author=a.author
    ),
}
READS = {
    "refresh": lambda a, b: (a.author.refresh_from_db(), a.author.name)[1],
    "refresh using default": lambda a, b: (
        a.author.refresh_from_db(using="default"),
        a.author.name,
    )[1],
    "refresh by a QuerySet": lambda a, b: (
        a.author.refresh_from_db(from_queryset=Author.objects.all()),
        a.author.name,
    )[1],
    "forward key": lambda a, b: a.book.author.name,
    "reverse key": lambda a, b: [x.title for x in a.author.books.all()],
    "reverse key, count": lambda a, b: a.author.books.count(),
    "reverse key, using": lambda a, b: [
        x.title for x in a.author.books.using("default")
    ],
    "reverse key, db_manager": lambda a, b: [
        x.title for x in a.author.books.db_manager("default").all()
    ],
    "many-to-many": lambda a, b: [x.name for x in a.book.tags.all()],
    "many-to-many, using": lambda a, b: [x.name for x in a.book.tags.using("default")],
    "reverse many-to-many": lambda a, b: [x.title for x in a.tag.books.all()],
    "many-to-many, contains": lambda a, b: b.book.tags.contains(a.tag),
    "generic key": lambda a, b: a.note.about.name,
    "generic relation": lambda a, b: [x.text for x in a.author.notes.all()],
    "prefetch": lambda a, b: (
        prefetch_related_objects([b.author2, a.author], "books"),
        [x.title for x in a.author._prefetched_objects_cache["books"]],
    )[1],
    "prefetch of a forward key": lambda a, b: (
        prefetch_related_objects([b.book2, a.book], "author"),
        a.book.author.name,
    )[1],
    "prefetch of many-to-many": lambda a, b: (
        prefetch_related_objects([b.book2, a.book], "tags"),
        [x.name for x in a.book._prefetched_objects_cache["tags"]],
    )[1],
    "prefetch of a generic key": lambda a, b: (
        prefetch_related_objects([a.note], "about"),
        a.note.about.name,
    )[1],
    "filter": lambda a, b: list(Book.objects.filter(author=a.author)),
    "filter in": lambda a, b: list(
        Book.objects.filter(author__in=[b.author2, a.author])
    ),
    "filter reverse": lambda a, b: list(Author.objects.filter(books=a.book)),
    "filter many-to-many": lambda a, b: list(Book.objects.filter(tags=a.tag)),
    "filter generic relation": lambda a, b: list(Author.objects.filter(notes=a.note)),
    "exclude": lambda a, b: list(Book.objects.exclude(author=a.author2)),
    "get": lambda a, b: Book.objects.get(author=a.author, pk=ONE),
    "contains": lambda a, b: Author.objects.contains(a.author),
    "chained": lambda a, b: list(Author.objects.filter(books__author=a.author)),
}
NEEDS_NO_TENANT = {"refresh", "forward key", "reverse key", "filter", "many-to-many"}


def test_the_primary_keys_collide_indeed(world):
    for name in ("author", "book", "tag", "note", "user"):
        assert getattr(world.of_a, name).pk == getattr(world.of_b, name).pk == ONE
    assert rows(world.a).keys() == rows(world.b).keys()
    assert rows(world.a) != rows(world.b)


def test_objects_carry_their_tenants_label(world):
    assert world.of_a.author._state.db == f"tenant:{world.a.key}"
    assert world.of_b.author._state.db == f"tenant:{world.b.key}"


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES.keys())
def test_writing_with_an_object_of_another_tenant_is_refused(world, act):
    before = rows(world.a), rows(world.b)
    with override_tenant(world.b), pytest.raises(WrongTenant) as refusal:
        act(world.of_a, world.of_b)
    assert (rows(world.a), rows(world.b)) == before
    assert world.a.key in str(refusal.value)
    assert world.b.key in str(refusal.value)


@pytest.mark.parametrize("act", WRITES.values(), ids=WRITES.keys())
def test_control_without_guards_that_write_reaches_the_other_tenant(world, act):
    before = rows(world.b)
    with without_guards(), override_tenant(world.b):
        try:
            act(world.of_a, world.of_b)
        except ValueError as error:
            # Django's own rule, as the labels differ, with a misleading text.
            assert "isn't saved" in str(error)  # noqa: PT017
            return
    assert rows(world.b) != before


@pytest.mark.parametrize("act", READS.values(), ids=READS.keys())
def test_reading_with_an_object_of_another_tenant_is_refused(world, act):
    with override_tenant(world.b), pytest.raises(WrongTenant):
        act(world.of_a, world.of_b)


@pytest.mark.parametrize("act", READS.values(), ids=READS.keys())
def test_control_without_guards_that_read_shows_the_other_tenants_rows(world, act):
    with without_guards(), override_tenant(world.b):
        found = act(world.of_a, world.of_b)
    assert found
    if isinstance(found, str | list) and found and isinstance(found[0], str):
        assert "of b" in str(found)


@pytest.mark.parametrize("name", sorted(NEEDS_NO_TENANT))
def test_reading_with_an_object_of_a_tenant_and_none_active_is_refused(world, name):
    with pytest.raises((NoActiveTenant, WrongTenant)):
        READS[name](world.of_a, world.of_a)


@pytest.mark.parametrize("act", [*WRITES.values(), *READS.values()])
def test_the_same_acts_with_its_own_objects_are_fine(world, act):
    again = read(world.b)
    with override_tenant(world.b):
        act(again, world.of_b)


def test_a_deferred_field_is_not_loaded_from_another_tenant(world):
    with override_tenant(world.a):
        author = Author.objects.only("pk").get(pk=ONE)
    with override_tenant(world.b), pytest.raises(WrongTenant):
        _ = author.name
    with without_guards(), override_tenant(world.b):
        assert author.name == "Ann of b"


def test_peers_of_a_deferred_field_are_not_loaded_from_another_tenant(world):
    models = pytest.importorskip("django.db.models", reason="").__dict__
    if "FETCH_PEERS" not in models:
        pytest.skip("Django has fetch modes from 6.1 on")
    peers = models["FETCH_PEERS"]

    def read_two():
        with override_tenant(world.a):
            return list(Author.objects.only("pk").fetch_mode(peers).order_by("pk"))

    authors, books = read_two(), None
    with override_tenant(world.a):
        books = list(Book.objects.fetch_mode(peers).order_by("pk"))
    with override_tenant(world.b):
        with pytest.raises(WrongTenant):
            _ = authors[0].name
        with pytest.raises(WrongTenant):
            _ = books[0].author
    authors = read_two()
    with without_guards(), override_tenant(world.b):
        assert authors[0].name == "Ann of b"


def test_a_whole_object_may_be_looked_at_anywhere(world):
    with override_tenant(world.b):
        assert world.of_a.author.name == "Ann of a"
    assert str(world.of_a.book) == "book of a"


def test_an_object_that_was_never_saved_belongs_to_nobody(world):
    author = Author(name="new")
    with override_tenant(world.b):
        author.save()
        assert author._state.db == f"tenant:{world.b.key}"
    with override_tenant(world.a), pytest.raises(WrongTenant):
        author.save()


def test_a_content_type_of_a_tenant_is_not_another_tenants(world):
    with override_tenant(world.a):
        of_a = ContentType.objects.get(app_label="shop", model="author")
    with override_tenant(world.b):
        of_b = ContentType.objects.get(app_label="shop", model="author")
        assert of_a.pk == of_b.pk
        with pytest.raises(WrongTenant):
            list(Note.objects.filter(content_type=of_a))
    with without_guards(), override_tenant(world.b):
        assert Note.objects.filter(content_type=of_a).exists()
