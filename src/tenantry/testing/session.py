"""A test's stay in its tenants, as the fixtures of pytest have it."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from django.db import connections

from tenantry.catalog.registry import registry
from tenantry.context import override_tenant
from tenantry.testing.addresses import warm
from tenantry.testing.tenants import drop_all_but, test_tenants
from tenantry.testing.transactions import apart, rolled_back

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.testing.tenants import Sort


@contextmanager
def in_tenants(sort: Sort, count: int) -> Iterator[list[Any]]:
    """Give a test its tenants, the first active; undo what it does in them.

    Where pytest-django has opened a transaction in the shared database, so have the
    tenants; else the tenants are dropped, as their rows will be gone with the others.
    """
    found = test_tenants.get(sort, count)
    refs = [tenant.ref for tenant in found]
    with ExitStack() as stack:
        stack.callback(registry.clear)
        with override_tenant(None):
            commits = not connections["default"].in_atomic_block
        if commits:
            stack.callback(drop_all_but, ())
        else:
            stack.enter_context(rolled_back(apart(refs)))
        for tenant in found:
            warm(tenant)
        stack.enter_context(override_tenant(refs[0]))
        yield found
