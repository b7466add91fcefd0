"""Who did what in which tenant is written down, once."""

import getpass

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.db import DatabaseError, connections, transaction
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.utils.functional import SimpleLazyObject

from tenantry import override_tenant
from tenantry.catalog import audit
from tenantry.catalog.audit import answering, record
from tenantry.exceptions import NotSupported
from tenantry.models import AuditEntry
from tenantry.signals import audited
from tests import views
from tests.customers.models import Tenant
from tests.world import ONE, drop, provision, replaced

User = get_user_model()
COMMAND = f"command: {getpass.getuser()}"


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock():
        made = [provision("a"), provision("b")]
        yield made
        User.objects.all().delete()
        drop(*made)


@pytest.fixture
def world(tenants, django_db_blocker):
    """Two tenants and the shared site, each with a user of the same primary key."""
    with django_db_blocker.unblock():
        for place in (None, *tenants):
            with override_tenant(place):
                User.objects.all().delete()
                User.objects.create_user("same", password="pw", pk=ONE)
        yield tenants


def user_of(place):
    with override_tenant(place):
        return User.objects.get(pk=ONE)


def entries(tenant="", **facts):
    """Return the entries of a tenant, or of the shared site, the oldest first."""
    key = tenant if isinstance(tenant, str) else tenant.key
    return list(AuditEntry.objects.filter(tenant_key=key, **facts).order_by("pk"))


def last():
    return AuditEntry.objects.latest("pk")


def request_by(user, place, **extra):
    request = RequestFactory().get("/", **extra)
    request.user, request.tenant = user, place
    return request


# Who


def test_the_requests_user_their_place_and_address_are_found(world):
    a, _ = world
    request = request_by(user_of(a), a, REMOTE_ADDR="203.0.113.9")
    with override_tenant(a), answering(request):
        entry = record("thing.done", target="it", number=1)
    assert (entry.tenant_key, entry.action, entry.target) == (a.key, "thing.done", "it")
    assert (entry.actor, entry.actor_pk, entry.actor_place) == ("same", str(ONE), a.key)
    assert (entry.address, entry.facts) == ("203.0.113.9", {"number": 1})
    assert entry._state.db == "default"


@pytest.mark.parametrize("guard", [True, False])
def test_users_of_one_primary_key_are_told_apart_by_their_place(world, guard):
    places = ["", *[tenant.key for tenant in world]]
    users = [user_of(place or None) for place in places]
    assert len({user.pk for user in users}) == 1
    if guard:
        found = [record("x", actor=user).actor_place for user in users]
        assert found == places
    else:
        with replaced(audit, "_place_of", lambda _: ""):
            found = {record("x", actor=user).actor_place for user in users}
        assert found == {""}


def test_the_user_is_read_in_the_place_of_the_request_whatever_is_active(world):
    a, b = world
    request = request_by(SimpleLazyObject(lambda: User.objects.get(pk=ONE)), a)
    with override_tenant(b), answering(request):
        entry = record("thing.done")
    assert (entry.tenant_key, entry.actor_place) == (b.key, a.key)


def test_the_middleware_says_whose_request_it_is(world):
    a, _ = world
    client = Client(headers={"host": a.domains.get().host})
    with override_tenant(a):
        client.force_login(user_of(a))

    def act(name):
        return record(name).action

    with replaced(views, "reverse", act):
        client.get("/url/")
    entry = entries(a)[-1]
    assert entry.action == "urls"
    assert (entry.actor, entry.actor_place) == ("same", a.key)
    assert entry.address == "127.0.0.1"


def test_outside_of_requests_it_is_the_operating_systems_user(world):
    assert record("thing.done").actor == COMMAND
    assert record("thing.done").address is None


def test_an_anonymous_request_has_no_actor_and_a_socket_no_address(world):
    from django.contrib.auth.models import AnonymousUser

    request = request_by(AnonymousUser(), None, REMOTE_ADDR="")
    with answering(request):
        entry = record("thing.done")
    assert (entry.actor, entry.actor_pk, entry.address) == ("", "", None)


def test_who_acts_as_the_actor_is_named(world):
    request = request_by(user_of(None), None)
    request.impersonator = "helga"
    with answering(request):
        assert record("thing.done").impersonator == "helga"


def test_long_names_are_cut_not_refused(world):
    assert len(record("thing.done", target="x" * 999, actor="y" * 999).target) == 254


def test_a_request_that_records_nothing_loads_no_user(world):
    a, _ = world
    client = Client(headers={"host": a.domains.get().host})
    with override_tenant(a):
        client.force_login(user_of(a))
        connection = connections["default"]
        with CaptureQueriesContext(connection) as queries:
            client.get("/url/")
    assert not [q for q in queries.captured_queries if "auth_user" in q["sql"]]


def test_the_request_is_forgotten_when_it_is_answered(world):
    a, _ = world
    Client().get("/url/", headers={"host": a.domains.get().host})
    assert audit.REQUEST.get() is None


# What is recorded by itself


def test_signing_in_and_out_is_recorded_where_it_was_done(world):
    a, b = world
    before = len(entries(b))
    client = Client(headers={"host": a.domains.get().host})
    with override_tenant(a):
        client.force_login(user_of(a))
        client.logout()
    done = [(entry.action, entry.actor_place) for entry in entries(a)[-2:]]
    assert done == [("user.signed_in", a.key), ("user.signed_out", a.key)]
    assert len(entries(b)) == before


def test_a_failed_sign_in_is_recorded_without_the_password(world):
    a, _ = world
    with override_tenant(a):
        authenticate(username="same", password="hunter2", token="t0ken")
    entry = last()
    assert (entry.action, entry.target) == ("user.sign_in_failed", "same")
    assert (entry.tenant_key, entry.actor) == (a.key, "")
    row = str(AuditEntry.objects.filter(pk=entry.pk).values().get())
    assert "hunter2" not in row
    assert "t0ken" not in row


def test_a_tenants_life_is_recorded(world):
    tenant = provision("life", name="Life")
    tenant.suspend()
    tenant.suspend()
    tenant.resume()
    drop(tenant)
    found = [(entry.action, entry.target) for entry in entries(tenant.key)]
    assert found == [
        ("tenant.provisioned", "Life"),
        ("tenant.suspended", "Life"),
        ("tenant.resumed", "Life"),
        ("tenant.dropped", "Life"),
    ]
    assert {entry.actor for entry in entries(tenant.key)} == {COMMAND}


def test_provisioning_costs_one_insert(world):
    with CaptureQueriesContext(connections["default"]) as queries:
        tenant = provision("one")
    drop(tenant)
    about = [q for q in queries.captured_queries if "auditentry" in q["sql"]]
    assert len(about) == 1


def test_of_settings_the_names_are_recorded_and_no_values(world, settings):
    a, _ = world
    declared = {"SEATS": {"DEFAULT": 5}, "PAY_TOKEN": {"DEFAULT": "", "SECRET": True}}
    settings.TENANTRY = {**settings.TENANTRY, "SETTINGS": declared}
    number = len(entries(a))
    a.set_settings(SEATS=6, PAY_TOKEN="s3cret")
    a.set_settings(SEATS=6)
    row = Tenant.objects.get(pk=a.pk)
    row.settings = {}
    row.save()
    row.save()
    row.name = "renamed"
    row.save()
    found = [(entry.action, entry.facts) for entry in entries(a)[number:]]
    names = {"names": ["PAY_TOKEN", "SEATS"]}
    assert found == [("tenant.settings_changed", names)] * 2
    a.refresh_from_db()


# Together with the act


class Full(DatabaseError):
    """The audit's table cannot be written."""


def fail(*_args, **_kwargs):
    raise Full


def record_and_fail(action, key):
    with transaction.atomic():
        record(action, tenant=key)
        raise Full


def test_an_act_whose_entry_cannot_be_written_is_not_done(world):
    a, _ = world
    with replaced(AuditEntry, "save", fail), pytest.raises(Full):
        a.suspend()
    assert Tenant.objects.get(pk=a.pk).state == "active"


def test_an_act_that_is_rolled_back_leaves_no_entry(world):
    a, _ = world
    number = len(entries(a))
    with pytest.raises(Full):
        record_and_fail("thing.done", a.key)
    assert len(entries(a)) == number


def test_an_entry_is_announced_when_it_is_committed(world):
    told = []

    def hear(entry, **_):
        told.append(entry.action)

    audited.connect(hear)
    try:
        with transaction.atomic():
            record("one")
            assert told == []
        with pytest.raises(Full):
            record_and_fail("two", "")
    finally:
        audited.disconnect(hear)
    assert told == ["one"]


# Once


@pytest.mark.parametrize(
    "change",
    [
        lambda entry: entry.save(),
        lambda entry: entry.delete(),
        lambda entry: AuditEntry(pk=entry.pk, action="z").save(force_update=True),
        lambda _: AuditEntry.objects.update(action="z"),
        lambda _: AuditEntry.objects.all().delete(),
        lambda _: AuditEntry._base_manager.all().delete(),
        lambda entry: AuditEntry.objects.bulk_update([entry], ["action"]),
        lambda entry: AuditEntry.objects.update_or_create(
            pk=entry.pk, defaults={"action": "z"}
        ),
        lambda entry: AuditEntry.objects.bulk_create(
            [entry],
            update_conflicts=True,
            unique_fields=["id"],
            update_fields=["action"],
        ),
    ],
)
def test_an_entry_is_neither_changed_nor_deleted(world, change):
    entry = record("thing.done")
    entry.action = "another"
    with pytest.raises((NotSupported, ValueError)):
        change(entry)
    assert AuditEntry.objects.get(pk=entry.pk).action == "thing.done"


def test_a_new_entry_under_an_old_primary_key_writes_nothing_over(world):
    entry = record("thing.done")
    with pytest.raises(DatabaseError):
        AuditEntry(pk=entry.pk, action="z").save()
    assert AuditEntry.objects.get(pk=entry.pk).action == "thing.done"
