"""Tenantry: one Django project, and inside it a separate Django for each customer."""

from tenantry.context import (
    activate,
    bind_tenant,
    deactivate,
    get_tenant,
    override_tenant,
    require_tenant,
)

__all__ = [
    "activate",
    "bind_tenant",
    "deactivate",
    "get_tenant",
    "override_tenant",
    "require_tenant",
]
