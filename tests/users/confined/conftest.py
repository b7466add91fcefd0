"""Two tenants, each with a user of the same primary key, name and address."""

import pytest

from tests.world import ONE, two_tenants


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    """Two tenants with people of their own: `ann` of each, whose password differs."""
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    with django_db_blocker.unblock(), two_tenants() as made:
        for tenant in made:
            with override_tenant(tenant):
                User.objects.create_user(
                    "ann", "ann@example.com", f"pw of {tenant.key}", pk=ONE
                )
        yield made
