"""Two tenants with the same keys, and shared users."""

import pytest

from tests.world import two_tenants


@pytest.fixture
def tenants(database, django_db_blocker):
    """Two new tenants."""
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


@pytest.fixture
def user(tenants):
    """A shared user, who is a member of nothing."""
    from django.contrib.auth.models import User

    made = User.objects.create_user("ann", "ann@example.com", "pw")
    yield made
    User.objects.filter(pk=made.pk).delete()


@pytest.fixture(scope="module")
def pair(database, django_db_blocker):
    """Two tenants for the tests of a module; no users are left after it."""
    from django.contrib.auth.models import Group, User

    from tenantry.users.models import Membership

    with django_db_blocker.unblock(), two_tenants() as made:
        yield made
        Membership.objects.update(is_owner=False)  # an owner is not deleted
        User.objects.all().delete()
        Group.objects.all().delete()


@pytest.fixture
def both(pair, django_db_blocker):
    """The two tenants, for a test of its own users."""
    with django_db_blocker.unblock():
        yield pair
