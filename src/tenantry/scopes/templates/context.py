"""The context processor that gives templates their tenant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.catalog.registry import registry
from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from django.http import HttpRequest


def tenant(request: HttpRequest) -> dict[str, Any]:
    """Give templates `tenant`: the request's, None on the shared site.

    A context processor. Where `TenantMiddleware` has not seen the request, it is the
    tenant active now.
    """
    if hasattr(request, "tenant"):
        return {"tenant": request.tenant}
    ref = ACTIVE.get()
    entry = None if ref is None else registry.by_key(ref.key)
    return {"tenant": None if entry is None else entry.instance()}
