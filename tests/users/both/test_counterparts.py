"""Shared staff at work in tenants that have users of their own."""

import pytest
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import PermissionDenied
from django.test import Client, RequestFactory, override_settings

from tenantry import override_tenant
from tenantry.exceptions import MayNotEnter
from tenantry.models import SignOut
from tenantry.scopes.handover import hand_over
from tenantry.users import counterparts, keeping
from tenantry.users.counterparts import (
    TOLD,
    counterpart,
    is_shared,
    may_enter,
    still_allowed,
)
from tenantry.users.models import Counterpart, Membership
from tests.world import ONE, drop, in_threads, provision, replaced

User = get_user_model()
ENTER = "enter_tenants"


@pytest.fixture(autouse=True)
def urls(settings):
    settings.ROOT_URLCONF = "tests.users.both.urls"


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock():
        made = [provision("a"), provision("b")]
        yield made
        Membership.objects.update(is_owner=False)
        User.objects.all().delete()
        drop(*made)


@pytest.fixture
def world(tenants, django_db_blocker):
    """Two tenants and the shared site, each with a user of the same primary key."""
    with django_db_blocker.unblock():
        with override_tenant(None):
            Membership.objects.update(is_owner=False)  # an owner is not deleted
        for place in (None, *tenants):
            with override_tenant(place):
                User.objects.all().delete()
                User.objects.create_user("same", "same@x.org", "pw", pk=ONE)
        yield tenants


@pytest.fixture
def staff(world):
    """A shared user who may enter every tenant, by that permission alone."""
    with override_tenant(None):
        user = User.objects.get(pk=ONE)
        user.user_permissions.add(Permission.objects.get(codename=ENTER))
        return User.objects.get(pk=ONE)


def own(tenant):
    """Return the tenant's own user, of the shared one's primary key."""
    with override_tenant(tenant):
        return User.objects.get(pk=ONE)


def member(tenant, *roles, **fields):
    """Make the shared user a member of the tenant; return them."""
    with override_tenant(None):
        user = User.objects.get(pk=ONE)
        Membership.objects.create(tenant=tenant, user=user, roles=roles, **fields)
        return user


def entered(staff, tenant):
    """Return a client in which the shared user has entered the tenant."""
    with override_tenant(None):
        url = hand_over(staff, tenant)
    client = Client()
    host = tenant.domains.get().host
    response = client.get(url.partition(host)[2], headers={"host": host})
    assert response.status_code == 302
    return client


def name_in(client, tenant):
    """Return as whom the tenant sees the client."""
    host = tenant.domains.get().host
    return client.get("/whoami/", headers={"host": host}).content.decode()


# Who may enter


def test_nobody_enters_by_default(world):
    with override_tenant(None):
        user = User.objects.get(pk=ONE)
    assert not may_enter(user, world[0])
    with pytest.raises(MayNotEnter, match="is a member there"):
        counterpart(user, world[0])


def test_a_member_enters_that_tenant_only(world):
    a, b = world
    user = member(a, "member")
    assert may_enter(user, a)
    assert not may_enter(user, b)


def test_a_suspended_member_does_not(world):
    assert not may_enter(member(world[0], state="suspended"), world[0])


def test_the_permission_and_the_superuser_enter_all(world, staff):
    assert all(may_enter(staff, tenant) for tenant in world)
    with override_tenant(None):
        root = User.objects.create_superuser("root")
    assert all(may_enter(root, tenant.key) for tenant in world)


def test_who_is_not_active_does_not(world, staff):
    staff.is_active = False
    assert not may_enter(staff, world[0])


def test_a_tenants_own_user_of_the_same_primary_key_never_may(world, staff):
    a, b = world
    with override_tenant(a):
        User.objects.filter(pk=ONE).update(is_superuser=True)
    customer = own(a)
    assert customer.pk == staff.pk
    assert customer.is_superuser
    assert not may_enter(customer, a)
    assert not may_enter(customer, b)
    with override_tenant(a):
        assert not may_enter(customer, b)
    with replaced(counterparts, "is_shared", lambda _: True):  # the guard away
        assert may_enter(customer, b)


def test_the_permission_of_a_tenants_own_says_nothing(world):
    a, b = world
    with override_tenant(None):
        user = User.objects.get(pk=ONE)
    with override_tenant(a):
        User.objects.filter(pk=ONE).update(is_superuser=True)
        assert not may_enter(user, a)
        assert not may_enter(user, b)


# The row


def test_it_is_a_user_of_its_own_who_takes_over_nobody(world, staff):
    a, _ = world
    before = own(a)
    local = counterpart(staff, a)
    with override_tenant(a):
        assert User.objects.count() == 2
        row = User.objects.get(pk=local.pk)
    after = own(a)
    assert local.pk != ONE
    assert row.email == ""
    assert row.username.startswith("same~")
    assert not row.is_active
    assert not row.has_usable_password()
    assert (before.password, before.is_active) == (after.password, after.is_active)


def test_it_is_the_same_row_at_each_entry_and_another_in_each_tenant(world, staff):
    a, b = world
    assert counterpart(staff, a).pk == counterpart(staff, a).pk
    with override_tenant(None):
        assert Counterpart.objects.filter(user=staff).count() == 1
        counterpart(staff, b)
        assert Counterpart.objects.filter(user=staff).count() == 2


def test_two_entries_at_once_make_one_row(world, staff):
    a, _ = world
    made = in_threads(*[lambda: counterpart(staff, a).pk] * 4)
    assert len(set(made)) == 1
    with override_tenant(a):
        assert User.objects.filter(username__contains="~").count() == 1


@pytest.mark.parametrize("by", ["primary key", "name"])
def test_a_customers_account_in_its_place_is_not_taken_over(world, staff, by):
    a, _ = world
    local = counterpart(staff, a)
    with override_tenant(a):
        User.objects.get(pk=local.pk).delete()
        taken = {"pk": local.pk} if by == "primary key" else {}
        name = local.username if by == "name" else "mallory"
        customers = User.objects.create_user(name, password="theirs", **taken)
    fresh = counterpart(staff, a)
    assert fresh.pk != customers.pk
    assert fresh.username != customers.username
    with override_tenant(a):
        assert User.objects.get(pk=customers.pk).check_password("theirs")


# What it may do


def rights_in(tenant, local):
    """Return the flags and permissions of the row, were it active."""
    with override_tenant(tenant):
        user = User.objects.get(pk=local.pk)
        user.is_active = True
        return user.is_staff, user.is_superuser, user.get_all_permissions()


def test_who_enters_by_permission_may_nothing_there(world, staff):
    assert rights_in(world[0], counterpart(staff, world[0])) == (False, False, set())


VISITORS = {"visitor": {"STAFF": True, "PERMISSIONS": ["shop.view_book"]}}


def test_unless_there_is_a_role_for_visitors(world, staff, roles):
    roles(**VISITORS)
    local = counterpart(staff, world[0])
    assert rights_in(world[0], local) == (True, False, {"shop.view_book"})


@pytest.fixture
def roles(settings):
    def set_roles(**given):
        settings.TENANTRY = {**settings.TENANTRY, "ROLES": given}

    return set_roles


def test_a_member_has_what_the_roles_give_and_the_row_of_membership_adds(world, roles):
    a, _ = world
    roles(editor={"STAFF": True, "GROUPS": ["editors"]})
    with override_tenant(a):
        group, _ = Group.objects.get_or_create(name="editors")
        group.permissions.add(Permission.objects.get(codename="change_book"))
    user = member(a, "editor")
    with override_tenant(None):
        row = Membership.objects.get(user=user)
        row.permissions.add(Permission.objects.get(codename="view_group"))
    flags = rights_in(a, counterpart(user, a))
    assert flags == (True, False, {"shop.change_book", "auth.view_group"})


def test_a_membership_that_names_the_owner_is_not_the_owners(world):
    a, _ = world
    user = member(a, "owner")
    assert rights_in(a, counterpart(user, a)) == (False, False, set())
    with override_tenant(None):
        Membership.objects.filter(user=user).update(is_owner=True)
    assert rights_in(a, counterpart(user, a))[:2] == (True, True)


def test_a_pattern_of_permissions_gives_all_that_it_matches(world, staff, roles):
    roles(visitor={"PERMISSIONS": ["shop.view_*"]})
    *_, given = rights_in(world[0], counterpart(staff, world[0]))
    assert {"shop.view_book", "shop.view_author"} <= given
    assert all(name.startswith("shop.view_") for name in given)


def test_a_revoked_role_is_gone_at_the_next_request(world, roles):
    a, _ = world
    roles(editor={"STAFF": True, "PERMISSIONS": ["shop.view_book"]})
    user = member(a, "editor")
    local = counterpart(user, a)
    with override_tenant(None):
        Membership.objects.update(roles=[])
    with override_tenant(a):
        loaded = counterparts.load(local.pk)
    assert not loaded.is_staff
    assert rights_in(a, local) == (False, False, set())


# Its sessions


def test_the_shared_site_hands_over_and_the_row_is_alive_in_that_session(world, staff):
    a, b = world
    client = entered(staff, a)
    assert name_in(client, a).startswith("same~")
    assert name_in(client, b) == "nobody"


def test_who_may_not_enter_is_not_handed_over(world):
    with override_tenant(None):
        url = hand_over(User.objects.get(pk=ONE), world[0])
    host = world[0].domains.get().host
    response = Client().get(url.partition(host)[2], headers={"host": host})
    assert response.status_code == 403


def lose_the_permission(staff):
    staff.user_permissions.clear()


def be_deactivated(staff):
    User.objects.filter(pk=staff.pk).update(is_active=False)


def be_deleted(staff):
    staff.delete()


LOSSES = [lose_the_permission, be_deactivated, be_deleted]


@pytest.mark.parametrize("lose", LOSSES)
def test_a_live_session_ends_with_the_right(world, staff, lose):
    a, _ = world
    client = entered(staff, a)
    assert name_in(client, a).startswith("same~")
    with override_tenant(None):
        lose(staff)
    assert name_in(client, a) == "nobody"


def request_of(tenant, staff):
    """Return a request in the session in which the shared user has entered."""
    client = entered(staff, tenant)
    request = RequestFactory().get("/")
    with override_tenant(tenant):
        request.session = SessionStore(client.cookies["sessionid"].value)
        assert request.session[TOLD]
    return request


def sign_out_everywhere(staff):
    SignOut.objects.update_or_create(
        tenant_key="", user_pk=str(staff.pk), defaults={"times": 1}
    )


def change_the_password(staff):
    staff.set_password("another")
    staff.save()


@pytest.mark.parametrize("lose", [*LOSSES, sign_out_everywhere, change_the_password])
def test_the_session_is_refused_once_the_shared_user_is_gone(world, staff, lose):
    a, _ = world
    request = request_of(a, staff)
    with override_tenant(a):
        assert still_allowed(request)
    with override_tenant(None):
        lose(staff)
    with override_tenant(a):
        assert not still_allowed(request)
    with override_tenant(None):
        SignOut.objects.all().delete()


def test_a_session_that_names_no_shared_user_or_another_is_refused(world, staff):
    a, _ = world
    request = request_of(a, staff)
    with override_tenant(None):
        other = User.objects.create_superuser("other")
    counterpart(other, a)
    with override_tenant(a):
        told = request.session[TOLD]
        request.session[TOLD] = [str(other.pk), *told[1:]]
        assert not still_allowed(request)
        del request.session[TOLD]
        assert not still_allowed(request)
        request.session[TOLD] = told
        assert still_allowed(request)


def test_sessions_of_the_tenants_own_go_on_without_a_query(world):
    a, _ = world
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    request = RequestFactory().get("/")
    with override_tenant(a):
        request.session = {"_auth_user_id": str(ONE), "_auth_user_backend": "x"}
        with CaptureQueriesContext(connections["default"]) as queries:
            assert still_allowed(request)
        assert not queries.captured_queries


# Whom it belongs to


@pytest.mark.parametrize(
    "change",
    [
        lambda user: user.set_password("known"),
        lambda user: setattr(user, "is_active", True),
        lambda user: setattr(user, "username", "renamed"),
    ],
    ids=["password", "active", "name"],
)
def test_a_tenants_admin_cannot_make_it_an_account(world, staff, change):
    a, _ = world
    pk = counterpart(staff, a).pk
    with override_tenant(a):
        user = User.objects.get(pk=pk)
        change(user)
        with pytest.raises(PermissionDenied, match="shared staff"):
            user.save()
        row = User.objects.get(pk=pk)
    assert not row.is_active
    assert not row.has_usable_password()


def test_the_guard_against_it_is_what_refuses(world, staff):
    a, _ = world
    pk = counterpart(staff, a).pk
    with override_tenant(a), replaced(keeping, "link_of", lambda _: None):
        user = User.objects.get(pk=pk)
        user.set_password("known")
        user.is_active = True
        user.save()
        assert authenticate(username=user.username, password="known")


def test_a_row_that_was_opened_by_force_is_no_door(world, staff):
    a, _ = world
    pk = counterpart(staff, a).pk
    client = Client()
    with override_tenant(a):
        rows = User.objects.filter(pk=pk)
        user = rows.get()
        user.set_password("known")
        rows.update(is_active=True, password=user.password)
        assert authenticate(username=user.username, password="known")
        with pytest.raises(PermissionDenied):
            client.force_login(rows.get(), "django.contrib.auth.backends.ModelBackend")
    counterpart(staff, a)
    with override_tenant(a):
        row = rows.get()
    assert not row.is_active
    assert not row.has_usable_password()


def test_saved_in_its_own_session_it_stays_alive_there_and_only_there(world, staff):
    a, _ = world
    local = counterpart(staff, a)
    with override_tenant(a):
        local.first_name = "Sam"
        local.save()
        assert local.is_active
        row = User.objects.get(pk=local.pk)
        assert (row.first_name, row.is_active) == ("Sam", False)


def test_a_deleted_shared_user_leaves_a_row_without_rights(world, roles):
    a, _ = world
    roles(admin={"SUPERUSER": True, "STAFF": True})
    user = member(a, "admin")
    local = counterpart(user, a)
    assert rights_in(a, local)[:2] == (True, True)
    with override_tenant(None):
        user.delete()
        assert not Counterpart.objects.exists()
    assert rights_in(a, local) == (False, False, set())
    with override_tenant(a):
        assert not User.objects.get(pk=local.pk).is_active


def test_tenants_others_are_saved_as_ever(world):
    with override_tenant(world[0]):
        user = User.objects.get(pk=ONE)
        user.set_password("new")
        user.save()
        assert authenticate(username="same", password="new") == user


@override_settings(
    AUTHENTICATION_BACKENDS=["tenantry.users.shared_backend.SharedUserBackend"]
)
def test_the_backend_signs_in_on_the_shared_site_only(world):
    with override_tenant(None):
        found = authenticate(username="same", password="pw")
        assert is_shared(found)
        assert authenticate(username="same", password="wrong") is None
        assert authenticate(username="nobody", password="pw") is None
    with override_tenant(world[0]):
        assert authenticate(username="same", password="pw") is None
