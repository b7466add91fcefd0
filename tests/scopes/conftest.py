"""Two tenants, and what takes scopes away for the negative controls."""

import pytest

from tests.world import two_tenants


@pytest.fixture(scope="session")
def _two(database):
    with two_tenants() as made:
        yield made


@pytest.fixture
def pair(_two):
    """Two tenants that the tests share; a test undoes what it does to them."""
    return _two
