"""Ways around the boundary that somebody might take by accident, or on purpose."""

import copy
import io
import json
import pickle

import pytest
from django.contrib.auth.models import Group, User
from django.core import serializers
from django.core.management import call_command
from django.db import connection, connections, models, transaction
from django.db.models import Case, Count, F, FilteredRelation, Q, Value, When
from django.db.models.signals import post_save, pre_save
from django.utils.functional import SimpleLazyObject, cached_property

from tenantry import get_tenant, override_tenant
from tenantry.exceptions import NoActiveTenant, WrongTenant
from tests.conformance.conftest import own_tables
from tests.geo.models import Country
from tests.shop.models import Author, Book, Note, Tag
from tests.world import ONE, TWO, rows, without_guards

NAMES = "SELECT name FROM shop_author ORDER BY id"


def one(connection):
    """Return the authors' names by raw SQL."""
    with connection.cursor() as cursor:
        cursor.execute(NAMES)
        return [row[0] for row in cursor.fetchall()]


def test_raw_sql_reads_the_active_tenant(world):
    for tenant, name in ((world.a, "a"), (world.b, "b"), (world.a, "a")):
        with override_tenant(tenant):
            expected = [f"Ann of {name}", f"Bob of {name}"]
            assert one(connection) == one(connections["default"]) == expected
            assert one(connections[f"tenant:{tenant.key}"]) == expected


def test_raw_sql_with_no_tenant_active_finds_no_tenants_table(world):
    from django.db.utils import DatabaseError

    with pytest.raises(DatabaseError):
        one(connection)
    with override_tenant(world.a), pytest.raises(DatabaseError):
        one(connections["tenantry:shared"])


def test_connections_by_another_tenants_label_are_refused(world):
    with override_tenant(world.b):
        for name in (f"tenant:{world.a.key}", "tenant:", "tenant:nobody"):
            with pytest.raises(WrongTenant):
                connections[name]
        with pytest.raises(WrongTenant):
            transaction.get_connection(f"tenant:{world.a.key}")
        with without_guards():
            assert one(connections[f"tenant:{world.a.key}"])[0] == "Ann of b"


VALUES = {
    "Q": lambda a: Q(author=a.author),
    "not Q": lambda a: ~Q(author=a.author),
    "Q in": lambda a: Q(author__in=[a.author]),
    "Q exact": lambda a: Q(author__exact=a.author),
    "Q greater": lambda a: Q(author__gt=a.author),
    "Q many-to-many": lambda a: Q(tags=a.tag),
    "lazy object": lambda a: Q(author=SimpleLazyObject(lambda: a.author)),
    "list of lazy objects": lambda a: Q(
        author__in=[SimpleLazyObject(lambda: a.author)]
    ),
    "combined": lambda a: Q(title="x") | Q(author=a.author),
}


@pytest.mark.parametrize("condition", VALUES.values(), ids=VALUES.keys())
def test_an_object_within_a_condition_is_refused(world, condition):
    given = condition(world.of_a)
    with override_tenant(world.b):
        for use in (
            lambda: list(Book.objects.filter(given)),
            lambda: list(Book.objects.exclude(given)),
            lambda: Book.objects.aggregate(n=Count("pk", filter=given)),
            lambda: list(Book.objects.annotate(n=Count("pk", filter=given))),
            lambda: list(Book.objects.annotate(x=Case(When(given, then=Value(1))))),
            lambda: list(Book.objects.order_by(Case(When(given, then=Value(1))))),
            lambda: Book.objects.update(
                title=Case(When(given, then=Value("x")), default=F("title"))
            ),
            lambda: Book.objects.filter(given).get_or_create(title="x"),
        ):
            with pytest.raises(WrongTenant):
                use()
        with without_guards():
            assert list(Book.objects.filter(given)) or list(Book.objects.exclude(given))


def test_an_object_in_a_filtered_relation_is_refused(world):
    def look():
        condition = Q(books__author=world.of_a.author)
        x = FilteredRelation("books", condition=condition)
        return list(Author.objects.annotate(x=x).filter(x__isnull=False))

    with override_tenant(world.b):
        with pytest.raises(WrongTenant):
            look()
        with without_guards():
            assert look()


def test_a_pickled_object_stays_with_its_tenant(world):
    kept = pickle.dumps(world.of_a.author)
    author = pickle.loads(kept)  # noqa: S301
    with override_tenant(world.b):
        for attempt in (author.save, author.delete, author.refresh_from_db):
            with pytest.raises(WrongTenant):
                attempt()
    with override_tenant(world.a):
        author.save()


def test_a_copied_object_stays_with_its_tenant(world):
    for author in (copy.copy(world.of_a.author), copy.deepcopy(world.of_a.author)):
        with override_tenant(world.b), pytest.raises(WrongTenant):
            author.save()
        author.pk = None
        with override_tenant(world.b), pytest.raises(WrongTenant):
            author.save()


def test_a_hash_and_equality_do_not_let_an_object_through(world):
    assert world.of_a.author == world.of_b.author  # Django's own rule: by key
    with override_tenant(world.b):
        kept = Author.objects.order_by("pk")
        assert len(kept) == 2
        with pytest.raises(WrongTenant):
            kept.contains(world.of_a.author)


def test_a_signals_receiver_may_visit_another_tenant(world):
    seen = []

    def visit(sender, instance, using, **_):
        with override_tenant(world.a):
            seen.append((using, Author.objects.get(pk=ONE).name))
            with pytest.raises(WrongTenant):
                instance.save()

    for signal in (pre_save, post_save):
        signal.connect(visit, sender=Author)
    try:
        with override_tenant(world.b):
            author = Author.objects.get(pk=TWO)
            author.name = "changed"
            author.save()
    finally:
        for signal in (pre_save, post_save):
            signal.disconnect(visit, sender=Author)
    assert seen == [(f"tenant:{world.b.key}", "Ann of a")] * 2
    with override_tenant(world.b):
        assert Author.objects.get(pk=TWO).name == "changed"
    with override_tenant(world.a):
        assert Author.objects.get(pk=TWO).name == "Bob of a"


def test_a_cached_property_holds_objects_that_are_still_guarded(world):
    class Shelf:
        @cached_property
        def author(self):
            return Author.objects.get(pk=ONE)

        @cached_property
        def authors(self):
            return Author.objects.all()

    shelf = Shelf()
    with override_tenant(world.a):
        assert len(shelf.authors) == 2
        assert shelf.author.name == "Ann of a"
    with override_tenant(world.b):
        with pytest.raises(WrongTenant):
            list(shelf.authors)
        with pytest.raises(WrongTenant):
            shelf.author.books.count()


def test_a_manager_bound_to_an_object_is_refused_later(world):
    with override_tenant(world.a):
        books, tags = world.of_a.author.books, world.of_a.book.tags
        notes = world.of_a.author.notes
    with override_tenant(world.b):
        for manager in (books, tags, notes):
            for attempt in (
                lambda m=manager: list(m.all()),
                lambda m=manager: m.count(),
                lambda m=manager: m.all().delete(),
                lambda m=manager: m.clear(),
            ):
                with pytest.raises(WrongTenant):
                    attempt()
    with override_tenant(world.b), without_guards():
        assert books.count() == 2


def test_a_default_that_asks_for_an_object_asks_the_active_tenant(world):
    field = Book._meta.get_field("author")
    field.default = lambda: Author.objects.get(pk=TWO).pk
    field.__dict__.pop("_get_default", None)
    try:
        for tenant, name in ((world.a, "a"), (world.b, "b")):
            with override_tenant(tenant):
                book = Book.objects.create(title="x")
                assert book.author.name == f"Bob of {name}"
        with pytest.raises(NoActiveTenant):
            Book(title="x")
    finally:
        field.default = models.NOT_PROVIDED
        field.__dict__.pop("_get_default", None)


def test_an_object_made_from_a_row_by_hand_has_the_label_it_is_given(world):
    fields = ["id", "name", "country_id"]
    forged = Author.from_db(f"tenant:{world.a.key}", fields, [ONE, "x", None])
    with override_tenant(world.b), pytest.raises(WrongTenant):
        forged.save()


def test_a_user_of_one_tenant_has_no_groups_or_permissions_in_another(world):
    with override_tenant(world.a):
        user = User.objects.get(pk=ONE)
        group = Group.objects.create(name="x")
    with override_tenant(world.b):
        for attempt in (
            user.get_all_permissions,
            lambda: user.has_perms(["shop.change_book"]),
            lambda: user.groups.add(1),
            lambda: User.objects.get(pk=ONE).groups.add(group),
            lambda: User.objects.get(pk=ONE).groups.set([group]),
            lambda: User.objects.with_perm("shop.change_book").contains(user),
            lambda: user.set_password("x") or user.save(),
        ):
            with pytest.raises(WrongTenant):
                attempt()
    with override_tenant(world.a):
        group.delete()


def test_dumpdata_and_loaddata_stay_in_the_tenant(world, tmp_path):
    before = rows(world.b)
    out = io.StringIO()
    with override_tenant(world.a):
        call_command("dumpdata", "shop", stdout=out)
    dumped = json.loads(out.getvalue())
    assert {row["model"].partition(".")[0] for row in dumped} == {"shop"}
    assert "of b" not in out.getvalue()
    file = tmp_path / "dump.json"
    file.write_text(out.getvalue().replace("of a", "of c"))
    with override_tenant(world.a):
        call_command("loaddata", str(file), verbosity=0)
        assert one(connection) == ["Ann of c", "Bob of c"]
    assert rows(world.b) == before


def test_a_tenants_whole_dump_holds_no_shared_half(world):
    User.objects.create_user("shared only")
    out = io.StringIO()
    with override_tenant(world.a):
        call_command("dumpdata", "auth.user", stdout=out)
    assert [row["fields"]["username"] for row in json.loads(out.getvalue())] == ["same"]
    User.objects.all().delete()


def test_a_deserialized_object_is_saved_in_the_active_tenant(world):
    with override_tenant(world.a):
        text = serializers.serialize("json", Author.objects.all())
    objects = list(serializers.deserialize("json", text.replace("of a", "of c")))
    with override_tenant(world.b):
        for each in objects:
            each.save()
        assert one(connection) == ["Ann of c", "Bob of c"]
    with override_tenant(world.a):
        assert one(connection) == ["Ann of a", "Bob of a"]


def test_flush_empties_the_active_tenant_only(tenants):
    from tests.world import fill

    a, b = tenants
    for tenant, name in ((a, "a"), (b, "b")):
        fill(tenant, name)
    country = Country.objects.create(name="x")
    User.objects.create_user("shared")
    with override_tenant(a):
        call_command("flush", interactive=False, verbosity=0)
        assert not Author.objects.exists()
        assert not User.objects.exists()
    with override_tenant(b):
        assert Author.objects.count() == 2
        assert User.objects.exists()
    assert Country.objects.filter(pk=country.pk).exists()
    assert User.objects.filter(username="shared").exists()
    User.objects.all().delete()
    country.delete()


@own_tables
def test_sequences_are_the_tenants_own(world):
    with override_tenant(world.a):
        number = Tag.objects.create(name="x").pk
        Tag.objects.create(name="x")
        call_command("sqlsequencereset", "shop", stdout=io.StringIO())
    with override_tenant(world.b):
        assert Tag.objects.create(name="x").pk <= number + 1


def test_an_inner_tenant_is_left_however_the_block_ends(world):
    for error in (ValueError, KeyboardInterrupt, GeneratorExit, SystemExit):
        with pytest.raises(error), override_tenant(world.a), override_tenant(world.b):
            raise error
        assert get_tenant() is None


def test_a_generic_key_finds_the_object_of_its_tenant(world):
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant):
            note = Note.objects.prefetch_related("about").get(pk=ONE)
            assert note.about.name == f"Ann of {name}"
            assert Author.objects.get(notes__text=f"note of {name}").pk == ONE


def test_a_bulk_in_many_to_many_stays_in_its_tenant(world):
    through = Book.tags.through
    with override_tenant(world.a):
        link = through.objects.get()
    with override_tenant(world.b):
        for attempt in (link.save, link.delete, lambda: link.book.title):
            with pytest.raises(WrongTenant):
                attempt()
        with pytest.raises(WrongTenant):
            through(book=world.of_b.book, tag=world.of_a.tag)


def test_the_catalog_may_be_read_in_a_tenant(world):
    from tests.customers.models import Tenant

    with override_tenant(world.a):
        row = Tenant.objects.get(key=world.b.key)
        with override_tenant(row):
            assert one(connection)[0] == "Ann of b"
        row.name = "changed"
        row.save()
    assert Tenant.objects.get(key=world.b.key).name == "changed"
