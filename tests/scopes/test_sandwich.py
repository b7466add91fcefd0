"""The sandwich itself finds what leaks, in each of its modes."""

import pytest

from tenantry import get_tenant
from tenantry.types import TenantRef
from tests.scopes.sandwich import MODES, Leaked


class Row:
    def __init__(self, key):
        self.ref = TenantRef(key=key, location=key)


PLACES = [None, Row("a"), Row("b")]


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_a_store_that_knows_the_tenant_passes(mode):
    values = {}

    def write(value):
        values[get_tenant()] = value

    mode(write, lambda: values.get(get_tenant()), PLACES)


@pytest.mark.parametrize("mode", MODES.values(), ids=MODES.keys())
def test_a_store_that_does_not_leaks(mode):
    values = {}

    def write(value):
        values["name"] = value

    with pytest.raises(Leaked):
        mode(write, lambda: values.get("name"), PLACES)
