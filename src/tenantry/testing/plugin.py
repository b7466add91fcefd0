"""The pytest plugin: tenants as fixtures, beside pytest-django's `db` and its like.

Loaded in every run of pytest where tenantry is installed: Django is imported by the
fixtures, when a test asks for one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.testing.client import (
        AsyncTenantClient,
        TenantClient,
        TenantRequestFactory,
    )
    from tenantry.testing.tenants import Sort

MARKER = "tenant"


def pytest_configure(config: pytest.Config) -> None:
    """Explain the marker."""
    config.addinivalue_line(
        "markers",
        "tenant(kind, placement, count, fields): the tenants that fixtures give",
    )


def _wanted(node: pytest.Item) -> tuple[Sort, int]:
    from tenantry.testing.tenants import Sort  # noqa: PLC0415  (Django may be absent)

    marker = node.get_closest_marker(MARKER)
    facts = dict(marker.kwargs) if marker is not None else {}
    count = facts.pop("count", 2)
    return Sort(**facts), count


@pytest.fixture(scope="class")
def _tenants_made(
    request: pytest.FixtureRequest,
    django_db_setup: None,  # noqa: ARG001
    django_db_blocker: Any,
) -> None:
    """Make the tenants before the transactions of tests: it could not be done within.

    Fixtures of a class come before those of its functions.
    """
    from tenantry.testing.tenants import test_tenants  # noqa: PLC0415  (as above)

    node = request.node
    items = [
        item
        for item in request.session.items
        if item is node or item.nodeid.startswith(f"{node.nodeid}::")
    ]
    with django_db_blocker.unblock():
        for item in items:
            if "tenants" in getattr(item, "fixturenames", ()):
                test_tenants.get(*_wanted(item))


@pytest.fixture
def tenants(
    request: pytest.FixtureRequest,
    _tenants_made: None,
    db: None,  # noqa: ARG001
) -> Iterator[list[Any]]:
    """Return the test's tenants, two unless its marker says otherwise.

    The first is active. What the test does in them is undone.
    """
    from tenantry.testing.session import in_tenants  # noqa: PLC0415  (as above)

    with in_tenants(*_wanted(request.node)) as found:
        yield found


@pytest.fixture
def tenant(tenants: list[Any]) -> Any:
    """Return the test's tenant, which is active."""
    return tenants[0]


@pytest.fixture
def other_tenant(tenants: list[Any]) -> Any:
    """Return another tenant of the same sort."""
    if len(tenants) < 2:  # noqa: PLR2004
        msg = "This test has one tenant only: leave out `count` of its mark `tenant`."
        raise LookupError(msg)
    return tenants[1]


@pytest.fixture
def tenant_client(tenant: Any) -> TenantClient:
    """Return Django's test client, sending its requests to the tenant."""
    from tenantry.testing.client import TenantClient  # noqa: PLC0415  (as above)

    return TenantClient(tenant=tenant)


@pytest.fixture
def async_tenant_client(tenant: Any) -> AsyncTenantClient:
    """Return Django's asynchronous test client, sending its requests to the tenant."""
    from tenantry.testing.client import AsyncTenantClient  # noqa: PLC0415  (as above)

    return AsyncTenantClient(tenant=tenant)


@pytest.fixture
def tenant_rf(tenant: Any) -> TenantRequestFactory:
    """Return Django's request factory, making requests of the tenant."""
    from tenantry.testing.client import (  # noqa: PLC0415  (as above)
        TenantRequestFactory,
    )

    return TenantRequestFactory(tenant=tenant)


@pytest.fixture
def assert_single_tenant() -> Callable[..., Any]:
    """Return `tenantry.testing.assert_single_tenant`."""
    from tenantry.testing.single import (  # noqa: PLC0415  (as above)
        assert_single_tenant,
    )

    return assert_single_tenant


@pytest.fixture
def assert_isolated(tenants: list[Any]) -> Callable[..., Any]:
    """Return `tenantry.testing.assert_isolated` for the test's two tenants."""
    from functools import partial  # noqa: PLC0415  (as above)

    from tenantry.testing.isolation import assert_isolated  # noqa: PLC0415  (as above)

    return partial(assert_isolated, tenant=tenants[0], other=tenants[1])
