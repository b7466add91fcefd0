"""Two tenants to route to."""

import pytest

from tests.world import fill, two_tenants


@pytest.fixture(scope="module")
def pair(database):
    """Two tenants with rows, reachable at `<key>.example.org`."""
    with two_tenants() as made:
        for tenant, name in zip(made, "ab", strict=True):
            fill(tenant, name)
        yield made


@pytest.fixture
def routing(settings):
    """Change options of TENANTRY for a test."""

    def change(**options):
        settings.TENANTRY = {**settings.TENANTRY, **options}

    return change
