"""Tests of scopes have two tenants, as the conformance suite has."""

from tests.conformance.conftest import (  # noqa: F401  (fixtures)
    _database,
    _nothing_left_active,
    _pair,
    world,
)
