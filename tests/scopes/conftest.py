"""Tests of scopes have two tenants, as the conformance suite has."""

import pytest

from tests.conformance.conftest import (  # noqa: F401  (fixtures)
    _database,
    _nothing_left_active,
    _pair,
    world,
)


@pytest.fixture
def pair(_pair):  # noqa: F811  (the fixture)
    """Two tenants that the tests share; a test undoes what it does to them."""
    return _pair
