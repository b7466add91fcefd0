"""A tenant's own users and shared members of it, under the same primary keys."""

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tenantry import exceptions, override_tenant
from tenantry.catalog.people import TenantOwner
from tenantry.users.people import ConfinedPeople, SharedPeople, members_of, people_of
from tests.world import drop, provision, replaced

pytestmark = pytest.mark.usefixtures("database")

SAME = 7_500_000


@pytest.fixture(name="tenant")
def one(database):
    tenant = provision("x")
    yield tenant
    drop(tenant)


@pytest.fixture(name="namesakes")
def a_users_own_and_a_shared_one(tenant):
    """A user of the tenant's and a shared one, with one primary key."""
    found = []
    for place in (tenant, None):
        with override_tenant(place):
            User.objects.filter(pk=SAME).delete()
            found.append(User.objects.create_user("same", "s@example.org", pk=SAME))
    yield found
    with override_tenant(None):
        TenantOwner.objects.all().delete()


def test_a_tenants_own_people_and_its_members_are_apart(tenant, namesakes):
    own, shared = namesakes
    people, members = people_of(tenant), members_of(tenant)
    assert isinstance(people, ConfinedPeople)
    assert isinstance(members, SharedPeople)
    people.grant(own, "admin")
    assert members.of_user(shared) is None
    members.add(shared, "member")
    people.suspend(own)
    assert members.of_user(shared).state == "active"
    assert people.of_user(own).roles == ("admin",)
    with override_tenant(None):
        shared.refresh_from_db()
        assert (shared.is_active, shared.is_superuser) == (True, False)


def test_a_tenants_own_user_cannot_be_a_member(tenant, namesakes):
    own, shared = namesakes
    members = members_of(tenant)
    with pytest.raises(exceptions.NotTheirUser, match="only shared users"):
        members.add(own)
    members.add(shared, "admin")
    assert members.of_user(own) is None
    assert not members.powers(own).manages
    for act in (members.grant, members.remove, members.suspend):
        with pytest.raises(exceptions.NotTheirUser):
            act(own)


def test_a_shared_user_is_none_of_a_tenants_own(tenant, namesakes):
    own, shared = namesakes
    people = people_of(tenant)
    assert people.of_user(shared) is None
    for act in (people.add, people.remove, people.suspend):
        with pytest.raises(exceptions.NotTheirUser, match="members_of"):
            act(shared)
    with override_tenant(tenant):
        assert User.objects.get(pk=own.pk).is_active


def test_without_asking_whose_user_it_is_the_namesake_would_be_the_member(
    tenant, namesakes
):
    """The negative control."""
    from tenantry.users import shared as module

    own, shared = namesakes
    members_of(tenant).add(shared, "admin")
    with replaced(module, "is_shared", lambda _user: True):
        assert members_of(tenant).of_user(own) is not None


def test_deleting_a_tenants_own_user_leaves_the_namesakes_membership(tenant, namesakes):
    own, shared = namesakes
    members_of(tenant).add(shared, "owner")
    with override_tenant(tenant):
        own.delete()
    assert members_of(tenant).of_user(shared).is_owner
    with override_tenant(None), pytest.raises(exceptions.OwnsTenants):
        shared.delete()


# As whom shared users work in the tenant.


@pytest.fixture(name="counterpart")
def as_whom_a_shared_user_works(tenant, namesakes):
    from tenantry.users.counterparts import counterpart

    members_of(tenant).add(namesakes[1], "admin")
    return counterpart(namesakes[1], tenant)


def test_a_counterpart_is_none_of_the_tenants_own_people(tenant, counterpart):
    people = people_of(tenant)
    assert counterpart.pk not in [person.user.pk for person in people.all()]
    with pytest.raises(exceptions.NotAMember):
        people.get(counterpart.pk)
    with override_tenant(tenant):
        row = User.objects.get(pk=counterpart.pk)
    for act in (people.resume, people.remove, people.suspend, people.add):
        with pytest.raises(exceptions.NotTheirUser, match="members_of"):
            act(row)
    with override_tenant(tenant):
        assert not User.objects.get(pk=counterpart.pk).is_active


def test_a_counterpart_is_and_may_what_the_membership_says(tenant, namesakes):
    from tenantry.users.counterparts import counterpart

    own, shared = namesakes
    people, members = people_of(tenant), members_of(tenant)
    members.add(shared, "member")
    local = counterpart(shared, tenant)
    with override_tenant(tenant):
        stored = User.objects.get(pk=local.pk)
    for user in (local, stored, shared):
        assert people.of_user(user).user == shared
        with pytest.raises(exceptions.NotPermitted):
            people.grant(own, "member", by=user)
    members.grant(shared, "admin")
    for user in (local, shared):
        assert people.grant(own, "member", by=user).roles == ("member",)
        people.revoke(own, "member", by=user)
    members.remove(shared)
    with pytest.raises(exceptions.NotPermitted):
        people.grant(own, "member", by=local)


def test_who_manages_a_tenants_own_people_manages_its_members(tenant, namesakes):
    own, shared = namesakes
    members = members_of(tenant)
    with pytest.raises(exceptions.NotPermitted):
        members.add(shared, by=own)
    people_of(tenant).grant(own, "admin")
    assert members.add(shared, "member", by=own).roles == ("member",)


def test_a_tenant_has_one_owner_among_both(tenant, namesakes):
    own, shared = namesakes
    people, members = people_of(tenant), members_of(tenant)
    people.add(own, "owner")
    with pytest.raises(exceptions.OwnerRequired, match="second"):
        members.add(shared, "owner")
    with override_tenant(None):
        TenantOwner.objects.all().delete()
    members.add(shared, "owner")
    with pytest.raises(exceptions.OwnerRequired, match="second"):
        people.add(own, "owner")


def test_a_shared_user_who_is_looked_for_among_a_tenants_own_is_pointed_at(tenant):
    with pytest.raises(CommandError, match="named with --shared"):
        call_command("tenants", "grant", tenant.key, "nobody", "admin")
    with pytest.raises(CommandError, match="no user has") as error:
        call_command("tenants", "grant", tenant.key, "nobody", "admin", "--shared")
    assert "--shared" not in str(error.value)
