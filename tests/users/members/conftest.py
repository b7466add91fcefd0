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
