"""The acts on members: who is let in, may do what, and who owns the tenant."""

import pytest
from django.contrib.auth.models import User

from tenantry import exceptions, override_tenant
from tenantry.users.people import people_of
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module", name="tenant")
def one_tenant(database):
    tenant = provision("m")
    yield tenant
    drop(tenant)


@pytest.fixture(name="people")
def of_tenant(tenant):
    people = people_of(tenant)
    yield people
    with override_tenant(None):
        tenant.memberships.update(is_owner=False)
        tenant.memberships.all().delete()


def shared_user(name="u", **fields):
    name = new_key(name)
    with override_tenant(None):
        return User.objects.create_user(name, f"{name}@example.org", "pw", **fields)


def test_a_shared_user_becomes_a_member_with_roles(people):
    ann = shared_user("ann")
    person = people.add(ann, "admin")
    assert person == people.of_user(ann) == people.get(ann.pk)
    assert person.roles == ("admin",)
    assert person.manages
    assert not person.is_owner
    assert people.all() == people.find(ann.email.upper()) == [person]


def test_adding_a_member_twice_is_refused(people):
    ann = shared_user("ann")
    people.add(ann)
    with pytest.raises(exceptions.AlreadyAMember, match="active"):
        people.add(ann, "admin")
    assert people.of_user(ann).roles == ()
