"""`DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]`: sends each model home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS

from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.guards import (
    alias_beside,
    alias_now,
    require_hints,
    require_object,
    sides,
)
from tenantry.types import LABEL_PREFIX, SHARED_ALIAS

if TYPE_CHECKING:
    from django.db.models import Model

__all__ = ["TenantRouter"]


class TenantRouter:
    """Routes tenant models to the active tenant, shared models to the shared tables.

    Raises `NoActiveTenant` where a tenant model is used with no tenant active, and
    `WrongTenant` where an object or a QuerySet of another tenant is used.
    """

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """Return the alias to read from."""
        if not hints:
            return alias_now(model)
        require_hints(model, hints)
        return alias_beside(model, hints.get("instance")) or alias_now(model)

    db_for_write = db_for_read

    def allow_relation(
        self, first: Model, second: Model, **_hints: object
    ) -> bool | None:
        """Let objects of one tenant, and shared ones, be related."""
        require_object(first)
        require_object(second)
        known = [sides[each._meta.app_label] for each in (first, second)]
        return True if all(any(side) for side in known) else None

    def allow_migrate(
        self,
        db: str,
        app_label: str,
        model_name: str | None = None,  # noqa: ARG002  (Django passes it by name)
        **_hints: object,
    ) -> bool | None:
        """Put each app's tables where the settings say."""
        in_tenants, in_shared = sides[app_label]
        if not in_tenants and not in_shared:
            return None
        if db.startswith(LABEL_PREFIX):
            return in_tenants
        if db == DEFAULT_DB_ALIAS:
            return in_shared if ACTIVE.get() is None else in_tenants
        if db == SHARED_ALIAS:
            return in_shared
        managed = {placement.database for placement in conf.placements.values()}
        return False if in_tenants or db in managed else None
