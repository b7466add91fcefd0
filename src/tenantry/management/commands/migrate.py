"""Django's `migrate`: migrates the shared database, and says who is behind."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS

from tenantry.context import get_tenant
from tenantry.fleet.plan import plan_fleet
from tenantry.fleet.selection import Selection
from tenantry.isolation import RowIsolation, isolations
from tenantry.isolation.owner import as_owner


class Command(migrate.Command):
    """Django's own, by the role that owns the tables, and one line more."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; then count the tenants that are behind."""
        tenant = get_tenant()
        if tenant is not None and isolations[tenant.placement].shares_tables:
            msg = (
                f"Tenant {tenant.key!r} shares its tables with others: they are "
                "migrated for all at once, by `manage.py tenants migrate`."
            )
            raise CommandError(msg)
        database = options["database"]
        with as_owner():
            super().handle(*args, **options)
        if tenant is None and not options["plan"]:
            for isolation in isolations.all():
                if isinstance(isolation, RowIsolation) and isolation.database == database:
                    isolation.prepare("default")
                    isolation.grant("default")
        whole = options["app_label"] is None and not options["plan"]
        shared = tenant is None and database == DEFAULT_DB_ALIAS
        if whole and shared and options["verbosity"] > 0:
            self._count_behind()

    def _count_behind(self) -> None:
        refs = [tenant.ref for tenant in Selection().tenants()]
        plan = plan_fleet(refs)
        behind = len(plan.behind) + len(plan.unreadable)
        if behind:
            self.stdout.write(
                self.style.WARNING(
                    f"{behind} of {len(refs)} tenants are behind. "
                    "Migrate them with: manage.py tenants migrate"
                )
            )
