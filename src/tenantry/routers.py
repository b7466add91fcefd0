"""`DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]`: sends each model home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS

from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.guards import (
    alias_beside,
    alias_now,
    not_in_kind,
    other_database,
    require_hints,
    require_object,
    sides_now,
)
from tenantry.types import LABEL_PREFIX, SHARED_ALIAS

if TYPE_CHECKING:
    from django.db.models import Model

__all__ = ["TenantRouter"]


class TenantRouter:
    """Routes tenant models to the active tenant, shared models to the shared tables.

    Raises `NoActiveTenant` where a tenant model is used with no tenant active,
    `NotInKind` where the active tenant's kind lacks it, and `WrongTenant` where an
    object or a QuerySet of another tenant is used.
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
        """Let objects of one tenant, and shared ones of one database, be related."""
        sides, known = sides_now(), True
        for each in (first, second):
            require_object(each)
            side = sides[each._meta.app_label]
            tenant = ACTIVE.get()
            if side.elsewhere and tenant is not None:
                raise not_in_kind(each._meta.label, tenant)
            known = known and any(side)
        apart = other_database(first) != other_database(second)
        return True if known and not apart else None

    def allow_migrate(
        self,
        db: str,
        app_label: str,
        model_name: str | None = None,  # noqa: ARG002  (Django passes it by name)
        **_hints: object,
    ) -> bool | None:
        """Put each app's tables where the settings say."""
        side = sides_now()[app_label]
        if not any(side):
            return None
        if db.startswith(LABEL_PREFIX):
            return side.tenants
        if db == DEFAULT_DB_ALIAS:
            return side.shared if ACTIVE.get() is None else side.tenants
        if db == SHARED_ALIAS:
            return side.shared
        managed = {placement.database for placement in conf.placements.values()}
        return False if conf.in_tenants(app_label) or db in managed else None
