"""Shared rows: reachable where they should be, and never instead of a tenant's."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.db import connections, router
from django.db.models import deletion
from django.db.utils import DatabaseError

from tenantry import guards, override_tenant
from tenantry.exceptions import NoActiveTenant, NotSupported, WrongTenant
from tenantry.isolation.owner import as_owner
from tenantry.routers import TenantRouter
from tests.conformance.conftest import ROWS, SHARES_CONNECTION
from tests.customers.models import Tenant
from tests.geo.models import Country
from tests.shop.models import Author, Book
from tests.world import ONE, replaced, without_seam

USER = {"username": "same", "pk": ONE}


@pytest.fixture
def shared(world):
    """A shared country, and a shared user with the tenants' user's primary key."""
    country = Country.objects.create(name="Land")
    User.objects.create_user(email="shared@example.com", **USER)
    yield country
    User.objects.filter(pk=ONE).delete()
    Country.objects.filter(pk=country.pk).delete()


TENANT_ONLY = {
    "all": lambda: list(Author.objects.all()),
    "count": Author.objects.count,
    "create": lambda: Author.objects.create(name="x"),
    "save": lambda: Author(name="x").save(),
    "using default": lambda: list(Author.objects.using("default")),
    "count using default": lambda: Author.objects.using("default").count(),
    "update using default": lambda: Author.objects.using("default").update(name="x"),
    "delete using default": lambda: Author.objects.using("default").delete(),
    "create using default": lambda: Author.objects.using("default").create(name="x"),
    "save using default": lambda: Author(name="x").save(using="default"),
    "bulk_create using default": lambda: Author.objects.using("default").bulk_create(
        [Author(name="x")]
    ),
    "db_manager": lambda: Author.objects.db_manager("default").count(),
    "raw": lambda: list(
        Author.objects.raw("SELECT * FROM shop_author", using="default")
    ),
    "get_or_create": lambda: Author.objects.get_or_create(name="x"),
    "through": Book.tags.through.objects.count,
}


@pytest.mark.parametrize("act", TENANT_ONLY.values(), ids=TENANT_ONLY.keys())
def test_a_tenant_model_with_no_tenant_active_is_an_error(world, act):
    with pytest.raises(NoActiveTenant) as refusal:
        act()
    assert "shop." in str(refusal.value)


def test_control_the_tables_are_not_in_the_shared_database(world):
    """Even with our router away, there is nothing to read: the last line of defence."""

    def anywhere(_self, _model, **_hints):
        return "default"

    with (
        replaced(TenantRouter, "db_for_read", anywhere),
        replaced(guards, "resolve_alias", lambda _model, using: using),
        pytest.raises(DatabaseError),
    ):
        Author.objects.count()


@pytest.mark.parametrize("alias", ["tenantry:shared", "other"])
def test_an_alias_that_is_no_tenants_is_refused_for_a_tenant_model(world, alias):
    with override_tenant(world.a), pytest.raises(NotSupported):
        Author.objects.using(alias).count()
    with pytest.raises(NotSupported):
        Author.objects.using(alias).count()


def test_a_label_that_is_nobodys_is_refused(world):
    with override_tenant(world.a), pytest.raises(WrongTenant):
        Author.objects.using("tenant:nobody").count()
    with pytest.raises(WrongTenant):
        Author.objects.using("tenant:nobody").count()
    with pytest.raises(WrongTenant):
        connections["tenant:nobody"]


def test_shared_rows_are_the_same_in_every_tenant(world, shared):
    for tenant in (world.a, world.b, None):
        with override_tenant(tenant):
            country = Country.objects.get(pk=shared.pk)
            assert country.name == "Land"
            assert Country.objects.using("default").filter(pk=shared.pk).exists()
            assert Country.objects.using("tenantry:shared").get(pk=shared.pk) == country
            assert Tenant.objects.filter(key=world.a.key).exists()


def test_a_shared_object_may_be_used_in_any_tenant(world, shared):
    with override_tenant(world.a):
        country = Country.objects.get(pk=shared.pk)
        author = Author.objects.create(name="x", country=country)
        assert list(Author.objects.filter(country=country)) == [author]
        country.name = "New land"
        country.save()
    with override_tenant(world.b):
        assert not Author.objects.filter(country=country).exists()
        assert list(country.author_set.all()) == []
        author = Author.objects.get(pk=ONE)
        author.country = country
        author.save()
        again = Author.objects.get(pk=ONE)
        assert again.country.name == "New land"
        country.refresh_from_db()
        country.save()
        assert list(country.author_set.all()) == [author]
    country.refresh_from_db()
    country.name = "Land"
    country.save()
    assert Country.objects.get(pk=shared.pk).name == "Land"
    with override_tenant(world.a):
        assert Country.objects.get(pk=shared.pk).name == "Land"


@pytest.fixture
def statements_elsewhere():
    """The statements of a second alias, `elsewhere`, of the shared database."""
    seen = []

    def note(execute, sql, *args):
        seen.append(sql.split()[0])
        return execute(sql, *args)

    connections.settings["elsewhere"] = connections.settings["default"]
    try:
        with connections["elsewhere"].execute_wrapper(note):
            yield seen
    finally:
        connections["elsewhere"].close()
        del connections["elsewhere"]
        del connections.settings["elsewhere"]


def test_a_shared_object_of_another_database_stays_there(
    world, shared, statements_elsewhere
):
    country = Country.objects.using("elsewhere").get(pk=shared.pk)
    for tenant in (None, world.a):
        with override_tenant(tenant):
            del statements_elsewhere[:]
            country.save()
            country.refresh_from_db()
            assert statements_elsewhere == ["UPDATE", "SELECT"]
            del statements_elsewhere[:]
    with override_tenant(world.a):
        assert list(country.author_set.all()) == []
        assert statements_elsewhere == []


def test_shared_objects_of_two_databases_are_not_related(
    world, shared, statements_elsewhere
):
    here = Country.objects.get(pk=shared.pk)
    there = Country.objects.using("elsewhere").get(pk=shared.pk)
    for tenant in (None, world.a):
        with override_tenant(tenant):
            assert router.allow_relation(here, here)
            assert router.allow_relation(there, there)
            assert not router.allow_relation(here, there)


@pytest.mark.skipif(not SHARES_CONNECTION, reason="needs joins to shared rows")
def test_a_shared_object_that_came_by_a_join_is_still_shared(world, shared):
    with override_tenant(world.a):
        Author.objects.filter(pk=ONE).update(country=shared)
        country = Author.objects.select_related("country").get(pk=ONE).country
        assert Author.objects.filter(country__name="Land").count() == 1
    with override_tenant(world.b):
        country.refresh_from_db()
        country.save()
        assert not Author.objects.filter(country=country).exists()
    country.save()


def test_the_same_primary_key_session_key_and_content_type_id_in_all_three(
    world, shared
):
    session = {"session_key": "s" * 32}
    seen = {}
    for tenant, name in ((world.a, "a"), (world.b, "b"), (None, "shared")):
        with override_tenant(tenant):
            user = User.objects.get(pk=ONE)
            found = Session.objects.filter(**session).first()
            seen[name] = (
                ContentType.objects.get_for_model(User).pk,
                Permission.objects.get(codename="add_user").pk,
                user.username,
                found and found.session_data,
                user.has_usable_password(),
            )
    assert seen["a"][:3] == seen["b"][:3]
    assert [seen[name][3] for name in ("a", "b", "shared")] == ["a", "b", None]
    assert [seen[name][4] for name in ("a", "b", "shared")] == [True, True, False]


def test_a_tenants_half_of_an_app_in_both_lists_is_not_the_shared_one(world, shared):
    with override_tenant(world.a):
        assert User.objects.get(pk=ONE).email == ""
        of_a = User.objects.get(pk=ONE)
        User.objects.exclude(pk=ONE).delete()
        with pytest.raises(NotSupported):
            User.objects.using("tenantry:shared").count()
    assert User.objects.get(pk=ONE).email == "shared@example.com"
    with pytest.raises(WrongTenant):
        of_a.save()
    with pytest.raises(WrongTenant):
        of_a.groups.count()
    of_shared = User.objects.get(pk=ONE)
    with override_tenant(world.a):
        of_a = User.objects.get(pk=ONE)
        for attempt in (
            of_shared.save,
            of_shared.delete,
            of_shared.refresh_from_db,
            of_shared.groups.count,
            lambda: User.objects.contains(of_shared),
            lambda: of_a.logentry_set.filter(user=of_shared).count(),
        ):
            with pytest.raises(WrongTenant):
                attempt()


def test_a_queryset_of_the_shared_half_holds_no_rows_for_a_tenant(world, shared):
    kept = User.objects.filter(pk=ONE)
    assert [user.email for user in kept] == ["shared@example.com"]
    with override_tenant(world.a):
        with pytest.raises(WrongTenant):
            list(kept)
        assert [user.email for user in kept.all()] == [""]


def test_content_types_are_remembered_for_each_tenant_apart(world):
    with override_tenant(world.a):
        ContentType.objects.clear_cache()
        of_a = ContentType.objects.get_for_model(Author)
        ContentType.objects.filter(pk=of_a.pk)
    with override_tenant(world.b):
        of_b = ContentType.objects.get_for_model(Author)
        assert of_b._state.db == f"tenant:{world.b.key}"
        assert ContentType.objects.get_for_id(of_b.pk)._state.db == of_b._state.db
    assert of_a._state.db == f"tenant:{world.a.key}"
    of_shared = ContentType.objects.get_for_model(Country)
    assert of_shared._state.db == "default"
    assert router.db_for_read(ContentType) == "default"


def test_content_types_that_differ_are_not_mixed_up(tenants):
    a, b = tenants
    with override_tenant(b):
        row = ContentType.objects.get(app_label="shop", model="tag")
        ContentType.objects.filter(pk=row.pk).update(model="gone")
        ContentType.objects.clear_cache()
        moved = ContentType.objects.get_for_model(Author)
        new = ContentType.objects.create(app_label="shop", model="tag")
    with override_tenant(a):
        assert ContentType.objects.get_for_model(Author).pk == moved.pk
        of_a = ContentType.objects.get(app_label="shop", model="tag").pk
    assert of_a == row.pk != new.pk


def rename(table, name):
    """Rename a table of the active tenant."""
    with as_owner(), connections["default"].cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {name}")


def test_a_table_missing_in_a_tenant_is_an_error_never_the_shared_half(tenants):
    a, b = tenants
    User.objects.create_user(email="shared@example.com", username="shared")
    with override_tenant(a):
        rename("auth_user", "gone")
        with pytest.raises(DatabaseError):
            list(User.objects.all())
        with pytest.raises(DatabaseError):
            User.objects.create_user("x")
        with (
            pytest.raises(DatabaseError),
            connections["default"].cursor() as cursor,
        ):
            cursor.execute("SELECT * FROM auth_user")
        assert "auth_user" not in connections["default"].introspection.table_names()
        if ROWS:  # or it would be missing in all tenants
            rename("gone", "auth_user")
    with override_tenant(b):
        assert not User.objects.exists()
    assert User.objects.get().email == "shared@example.com"
    User.objects.all().delete()


def test_deleting_of_one_half_never_touches_the_other_side(world, shared):
    with override_tenant(world.a):
        LogEntry.objects.create(user_id=ONE, action_flag=1)
    User.objects.get(pk=ONE).delete()
    with override_tenant(world.a):
        assert LogEntry.objects.count() == 1
        User.objects.get(pk=ONE).delete()
        assert not LogEntry.objects.exists()
    with override_tenant(world.b):
        assert User.objects.filter(pk=ONE).exists()
    User.objects.create_user(**USER)


def test_control_without_the_seam_the_other_side_is_asked(world, shared):
    with (
        without_seam(deletion, "get_candidate_relations_to_delete"),
        pytest.raises(NoActiveTenant),
    ):
        User.objects.get(pk=ONE).delete()


def test_shared_rows_that_refer_to_the_shared_half_outlive_a_tenants(world):
    def related():
        found = deletion.get_candidate_relations_to_delete(User._meta)
        return {each.related_model for each in found}

    admin = guards.Side(tenants=False, shared=True, elsewhere=False, apart=False)
    with override_tenant(world.a):
        assert LogEntry in related()
        real = {**guards.sides_now()}
        with replaced(guards, "sides_now", lambda: {**real, "admin": admin}):
            assert LogEntry not in related()
            with without_seam(deletion, "get_candidate_relations_to_delete"):
                assert LogEntry in related()


def test_an_upsert_on_a_shared_half_is_left_as_it_is(world, shared):
    """Row tenants' conflict targets get the tenant in front; shared tables' do not."""
    upsert = (
        "INSERT INTO django_session (session_key, session_data, expire_date) "
        "VALUES (%s, %s, '2030-01-01') {} session_data = %s"
    )
    then = (
        "ON DUPLICATE KEY UPDATE"
        if connections["default"].vendor == "mysql"
        else "ON CONFLICT (session_key) DO UPDATE SET"
    )
    for active in (None, world.a, world.b):
        for data in ("first", "second"):
            with override_tenant(active):
                alias = "default" if active is None else "tenantry:shared"
                with connections[alias].cursor() as cursor:
                    cursor.execute(upsert.format(then), ["k" * 32, data, data])
            assert Session.objects.get(session_key="k" * 32).session_data == data
    Session.objects.all().delete()
    for tenant in (world.a, world.b):
        with override_tenant(tenant):
            assert not Session.objects.filter(session_key="k" * 32).exists()
