"""What a project tests itself with: tenants for tests, clients, proofs of isolation.

Nothing is imported before it is asked for: the pytest plugin is loaded where there may
be no Django project at all.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tenantry.testing.cases import TenantTestCase, TransactionTenantTestCase
    from tenantry.testing.client import (
        AsyncTenantClient,
        AsyncTenantRequestFactory,
        TenantClient,
        TenantRequestFactory,
    )
    from tenantry.testing.isolation import assert_isolated
    from tenantry.testing.single import assert_single_tenant

__all__ = [
    "AsyncTenantClient",
    "AsyncTenantRequestFactory",
    "TenantClient",
    "TenantRequestFactory",
    "TenantTestCase",
    "TransactionTenantTestCase",
    "assert_isolated",
    "assert_single_tenant",
]

_HOMES = {
    "AsyncTenantClient": "client",
    "AsyncTenantRequestFactory": "client",
    "TenantClient": "client",
    "TenantRequestFactory": "client",
    "TenantTestCase": "cases",
    "TransactionTenantTestCase": "cases",
    "assert_isolated": "isolation",
    "assert_single_tenant": "single",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(name)
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
