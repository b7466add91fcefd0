"""What is in force while a request or a socket is served in its tenant."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from tenantry.context import override_tenant
from tenantry.routing.prefix import script_prefix
from tenantry.scopes.localization import localized

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.types import TenantRef


@contextmanager
def block(ref: TenantRef, prefix: str) -> Iterator[None]:
    """Make the tenant active, its own time zone, language and path prefix in force."""
    with override_tenant(ref), localized(ref):
        if not prefix:
            yield
            return
        with script_prefix(prefix):
            yield
