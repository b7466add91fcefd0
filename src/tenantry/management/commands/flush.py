"""Django's `flush`; refuses to empty the catalog of tenants that are there."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import flush
from django.db import DEFAULT_DB_ALIAS

from tenantry.catalog.registry import registry
from tenantry.context import get_tenant
from tenantry.isolation import isolations


class Command(flush.Command):
    """Django's own, but for the shared database while tenants exist."""

    def handle(self, **options: Any) -> None:
        """Flush; raise `CommandError` where tenants would be left that none knows."""
        in_tests = any(isolation.in_tests for isolation in isolations.all())
        shared = get_tenant() is None and not in_tests
        if shared and registry.tenant_model._base_manager.exists():
            msg = (
                "The shared database holds the catalog: flushed, its tenants' data "
                "would belong to nobody. Drop them first (manage.py tenants drop), or "
                "flush tenants: manage.py tenants run -- flush --no-input"
            )
            raise CommandError(msg)
        catalog = options["database"] == DEFAULT_DB_ALIAS
        if in_tests and catalog and get_tenant() is None:
            self.remove_databases()
        super().handle(**options)

    def remove_databases(self) -> None:
        """Remove the databases of tests' tenants: their rows are about to go."""
        placements = [i.placement.alias for i in isolations.all() if i.in_tests]
        rows = registry.tenant_model._base_manager.filter(placement__in=placements)
        for row in rows:
            isolation = isolations[row.placement]
            if not isolation.shares_connection:
                isolation.destroy(row.ref)
