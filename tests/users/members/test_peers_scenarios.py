"""What django-tenant-users promises, by behaviour: one test for each promise."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Group, Permission, User
from django.db import DatabaseError, IntegrityError
from django.test import Client

from tenantry import exceptions, override_tenant
from tenantry.catalog.people import AuditEntry
from tenantry.isolation import isolations
from tenantry.users.members import membership, memberships_of
from tenantry.users.people import people_of
from tenantry.users.shared import SharedPeople
from tests.customers.models import Domain, Tenant
from tests.world import drop, new_key, provision, replaced

pytestmark = pytest.mark.usefixtures("database")

EDITOR = {"editor": {"STAFF": True, "PERMISSIONS": ["shop.change_book"]}}


@pytest.fixture(scope="module", name="pair")
def two(database):
    made = provision("a"), provision("b")
    yield made
    drop(*made)


@pytest.fixture(name="ann")
def a_shared_user():
    return shared_user("ann")


def shared_user(name="u", **fields):
    name = new_key(name)
    with override_tenant(None):
        return User.objects.create_user(name, f"{name}@example.org", "pw", **fields)


def seen_by(user, tenant):
    """Return what a view of the tenant sees of the user, read anew."""
    with override_tenant(tenant):
        user = User.objects.get(pk=user.pk)
        return (
            user.is_active,
            user.is_staff,
            user.is_superuser,
            sorted(user.get_all_permissions()),
            user.has_perm("shop.change_book"),
            user.has_module_perms("shop"),
        )


NOTHING = (False, False, False, [], False, False)


# One global user, permissions per tenant.


def test_a_user_is_staff_with_permissions_in_one_tenant_only(pair, ann, settings):
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": EDITOR}
    here, there = pair
    people_of(here).add(ann, "editor")
    people_of(there).add(ann)
    assert seen_by(ann, here) == (
        True,
        True,
        False,
        ["shop.change_book"],
        True,
        True,
    )
    assert seen_by(ann, there) == (True, *NOTHING[1:])


def test_permissions_by_group_and_by_membership_are_per_tenant(pair, ann):
    here, there = pair
    for tenant in pair:
        people_of(tenant).add(ann)
    with override_tenant(None):
        group = Group.objects.create(name=new_key("g"))
        group.permissions.add(Permission.objects.get(codename="add_book"))
        row = membership(ann, here)
        row.groups.add(group)
        row.permissions.add(Permission.objects.get(codename="delete_book"))
    assert seen_by(ann, here)[3] == ["shop.add_book", "shop.delete_book"]
    assert seen_by(ann, there)[3] == []


def test_a_removed_member_has_nothing_left(pair, ann):
    here, there = pair
    for tenant in pair:
        people_of(tenant).add(ann, "admin")
    assert seen_by(ann, here)[:3] == (True, True, True)
    people_of(here).remove(ann)
    assert seen_by(ann, here) == NOTHING
    with override_tenant(here):
        anew = User.objects.get(pk=ann.pk)
        assert anew.get_group_permissions() == set()
        assert not anew.has_perms(["shop.add_book"])
    assert seen_by(ann, there)[:3] == (True, True, True)


# Members and owners.


def test_a_member_cannot_be_added_twice(pair, ann):
    people_of(pair[0]).add(ann)
    with pytest.raises(exceptions.AlreadyAMember, match=ann.username):
        people_of(pair[0]).add(ann)


def test_the_owner_cannot_be_removed(ann):
    tenant = provision("o", owner=ann)
    with pytest.raises(exceptions.OwnerRequired, match=ann.username):
        people_of(tenant).remove(ann)
    assert people_of(tenant).of_user(ann).is_owner
    drop(tenant)


def test_ownership_is_transferred_to_a_member_who_then_may_all(ann):
    tenant, bob = provision("o", owner=ann), shared_user("bob")
    people = people_of(tenant)
    people.add(bob)
    assert seen_by(bob, tenant)[2] is False
    people.transfer(ann, bob)
    assert seen_by(bob, tenant)[:3] == (True, True, True)
    assert seen_by(ann, tenant)[:3] == (True, False, False)
    people.remove(ann)
    drop(tenant)


def test_ownership_is_not_transferred_to_somebody_who_is_no_member(ann):
    tenant = provision("o", owner=ann)
    with pytest.raises(exceptions.NotAMember):
        people_of(tenant).transfer(ann, shared_user())
    drop(tenant)


# Provisioning with an owner: all or nothing, whichever step fails.


def nothing_is_left(key, user):
    with override_tenant(None):
        assert list(memberships_of(user)) == []
        assert not Tenant.objects.filter(key=key).exists()
        assert not Domain.objects.filter(host__startswith=key).exists()
        assert User.objects.filter(pk=user.pk).exists()
    isolation = isolations["default"]
    tenant = provision(key=key, owner=user)  # the key, and the place, are free
    assert people_of(tenant).of_user(user).is_owner
    assert isolation.exists(tenant.ref)
    drop(tenant)


def test_a_provisioned_tenant_has_its_owner_before_it_is_served(ann):
    tenant = provision("o", owner=ann)
    (person,) = people_of(tenant).all()
    assert (person.user, person.is_owner) == (ann, True)
    drop(tenant)


def failing(*_args, **_kwargs):
    raise DatabaseError("on purpose")


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        (Tenant, "save"),
        (Domain, "save"),
        (SharedPeople, "add"),
        (type(isolations["default"]), "create_from"),
    ],
    ids=["tenant", "domain", "owner", "tables"],
)
def test_when_a_step_of_provisioning_fails_nothing_is_left(ann, owner, name):
    key = new_key("f")
    if name not in vars(owner):
        setattr(owner, name, getattr(owner, name))  # inherited: to be replaced here
    with (
        replaced(owner, name, failing),
        pytest.raises(DatabaseError, match="on purpose"),
    ):
        provision(key=key, owner=ann)
    nothing_is_left(key, ann)


def test_so_it_is_when_a_receiver_fails(ann):
    from tenantry.signals import tenant_provisioned

    key = new_key("f")
    tenant_provisioned.connect(failing)
    try:
        with pytest.raises(DatabaseError, match="on purpose"):
            provision(key=key, owner=ann)
    finally:
        tenant_provisioned.disconnect(failing)
    nothing_is_left(key, ann)


def test_an_inactive_user_cannot_own_a_tenant(ann):
    key = new_key("i")
    with override_tenant(None):
        ann.is_active = False
        ann.save()
    with pytest.raises(exceptions.OwnerRequired, match="inactive"):
        provision(key=key, owner=ann)
    with override_tenant(None):
        assert not Tenant.objects.filter(key=key).exists()


def test_a_taken_key_or_domain_is_refused_and_the_user_owns_nothing(pair, ann):
    with pytest.raises(exceptions.KeyTaken):
        provision(key=pair[0].key, owner=ann)
    with pytest.raises((exceptions.KeyTaken, IntegrityError)):
        provision(domains=[pair[0].domains.get().host], owner=ann)
    with override_tenant(None):
        assert list(memberships_of(ann)) == []


# Who comes in.


def client_with_session_of(user, tenant):
    """A browser that was signed in while the user was a member."""
    client = Client(headers={"host": tenant.domains.get().host})
    with override_tenant(tenant):
        client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def said(client):
    return client.get("/whoami/").content.decode()


def test_a_member_is_let_in(pair, ann):
    people_of(pair[0]).add(ann)
    assert said(client_with_session_of(ann, pair[0])) == ann.username


def test_to_an_authenticated_user_who_is_no_member_a_tenant_says_nothing(pair, ann):
    people_of(pair[0]).add(ann)
    client = client_with_session_of(ann, pair[0])
    people_of(pair[0]).remove(ann)
    stranger = Client(headers={"host": pair[0].domains.get().host})
    assert said(client) == said(stranger) == "nobody"
    for path in ("/people/members/", "/admin/", "/nowhere/"):
        answers = [each.get(path) for each in (client, stranger)]
        statuses = {answer.status_code for answer in answers}
        assert len(statuses) == 1
        assert 200 not in statuses


def test_somebody_who_is_not_signed_in_is_served(pair):
    client = Client(headers={"host": pair[0].domains.get().host})
    assert said(client) == "nobody"


def test_an_inactive_user_has_no_access_anywhere(pair, ann):
    for tenant in pair:
        people_of(tenant).add(ann, "admin")
    client = client_with_session_of(ann, pair[0])
    with override_tenant(None):
        User.objects.filter(pk=ann.pk).update(is_active=False)
    assert said(client) == "nobody"
    for tenant in pair:
        assert people_of(tenant).of_user(ann).state == "inactive"
        with override_tenant(tenant):
            assert authenticate(username=ann.username, password="pw") is None


# Accounts.


def test_an_account_made_without_a_password_cannot_sign_in(pair):
    address = f"{new_key()}@example.org"
    user = people_of(pair[0]).create(address).user
    assert not user.has_usable_password()
    with override_tenant(pair[0]):
        assert authenticate(username=address, password="") is None


def test_an_account_made_with_a_password_signs_in(pair):
    address = f"{new_key()}@example.org"
    user = people_of(pair[0]).create(address, password="pw").user
    with override_tenant(pair[0]):
        assert authenticate(username=address, password="pw") == user


def test_no_two_accounts_have_one_address(pair, ann):
    with pytest.raises(exceptions.AccountExists, match=ann.email):
        people_of(pair[0]).create(ann.email)


def test_a_user_who_owns_a_tenant_is_not_deleted(ann):
    tenant = provision("o", owner=ann)
    with override_tenant(None), pytest.raises(exceptions.OwnsTenants) as caught:
        ann.delete()
    assert caught.value.keys == (tenant.key,)
    drop(tenant)


def test_a_deleted_user_is_no_member_of_anything(pair, ann):
    bob = shared_user("bob")
    for tenant in pair:
        people_of(tenant).add(ann)
        people_of(tenant).add(bob)
    with override_tenant(None):
        ann.delete()
    for tenant in pair:
        people = people_of(tenant)
        assert bob in [person.user for person in people.all()]
        assert people.find(ann.email) == []


# Tenants that go.


def test_the_row_of_a_tenant_alone_is_not_deleted(ann):
    tenant = provision("o", owner=ann)
    with override_tenant(None), pytest.raises(exceptions.LifecycleError):
        tenant.delete()
    assert people_of(tenant).of_user(ann).is_owner
    drop(tenant)


def test_with_a_dropped_tenant_go_its_members_whatever_roles_they_have(ann):
    tenant, bob = provision("o", owner=ann), shared_user("bob")
    people = people_of(tenant)
    people.add(bob, "admin")
    with override_tenant(None):
        group = Group.objects.create(name=new_key("g"))
        membership(bob, tenant).groups.add(group)
    tenant.drop(confirm=tenant.key)
    with override_tenant(None):
        assert list(memberships_of(ann)) == list(memberships_of(bob)) == []
        assert User.objects.filter(pk__in=[ann.pk, bob.pk]).count() == 2
        actions = AuditEntry.objects.filter(tenant_key=tenant.key)
        assert "member.added" in set(actions.values_list("action", flat=True))
