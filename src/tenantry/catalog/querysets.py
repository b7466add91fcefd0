"""QuerySets of tenants and domains: by state, and noticed by every process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar

from django.db import models, transaction

from tenantry.catalog.models import PERMANENT, State
from tenantry.catalog.registry import registry
from tenantry.context import get_tenant
from tenantry.exceptions import NotSupported, TenantNotFound

if TYPE_CHECKING:
    from tenantry.types import TenantRef

M = TypeVar("M", bound=models.Model)


class CatalogQuerySet(models.QuerySet[M]):
    """A QuerySet whose bulk changes reach the catalog's cache as `save()` does."""

    def update(self, **values: Any) -> int:
        """Update the rows, and tell every process."""
        with transaction.atomic(using=self.db):
            number = super().update(**values)
            registry.changed()
        return number

    def bulk_create(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: rows made in bulk would be neither validated nor noticed."""
        msg = (
            f"{self.model.__name__} rows cannot be made in bulk; use `create()`, or "
            "`Tenant.objects.provision_many(...)` for live tenants."
        )
        raise NotSupported(msg)


class TenantQuerySet(CatalogQuerySet[M]):
    """Tenants; `active()` are those that requests reach."""

    def update(self, **values: Any) -> int:
        """Update the rows; raise `NotSupported` for what is permanent, or settings."""
        for name in PERMANENT:
            if name in values:
                msg = f"{name} of a tenant is permanent: it cannot be updated."
                raise NotSupported(msg)
        if "settings" in values:
            msg = (
                "Settings of tenants cannot be updated in bulk: each is checked, and "
                "encrypted for its tenant. Use `tenant.set_settings(NAME=value)`."
            )
            raise NotSupported(msg)
        return super().update(**values)

    def active(self) -> Self:
        """Return the tenants that are routable."""
        return self.filter(state=State.ACTIVE)

    def refs(self) -> list[TenantRef]:
        """Return the frozen values of these tenants."""
        return [tenant.ref for tenant in self]  # type: ignore[attr-defined]

    def get_active(self) -> Any:
        """Return the row of the active tenant, from memory; None where none is.

        Raises `TenantNotFound` where it has gone from the catalog meanwhile.
        """
        ref = get_tenant()
        if ref is None:
            return None
        entry = registry.by_key(ref.key)
        if entry is None:
            raise TenantNotFound(ref.key)
        return entry.instance()
