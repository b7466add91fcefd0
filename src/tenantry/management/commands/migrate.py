"""Django's `migrate`: migrates the shared database, and says who is behind."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS, connections

from tenantry.conf import conf
from tenantry.context import get_tenant
from tenantry.fleet.plan import plan_fleet
from tenantry.fleet.selection import Selection
from tenantry.history import is_foreign
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
        self._refuse_foreign(options["app_label"], database)
        with as_owner():
            super().handle(*args, **options)
        if tenant is None and not options["plan"]:
            let_serve(database)
        whole = options["app_label"] is None and not options["plan"]
        shared = tenant is None and database == DEFAULT_DB_ALIAS
        if whole and shared and options["verbosity"] > 0:
            self._count_behind()

    def _refuse_foreign(self, app_label: str | None, database: str) -> None:
        """Raise where the app's tables are in other places: no migration is its own."""
        if app_label is None or not is_foreign(connections[database], app_label):
            return
        tenant = get_tenant()
        where = "the shared database" if tenant is None else f"tenant {tenant.key!r}"
        msg = (
            f"App {app_label!r} has no tables in {where}, and no migrations to apply "
            f"there. For the tenants that have it: manage.py tenants migrate "
            f"{app_label}. If it is shared only: manage.py migrate {app_label}."
        )
        raise CommandError(msg)

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


def let_serve(database: str) -> None:
    """Make the schemas of row tenants, and let the serving role use all tables."""
    for isolation in isolations.all():
        if isinstance(isolation, RowIsolation) and isolation.database == database:
            for kind in conf.kinds:
                tables = isolation.tables_of(isolation.template_ref("", kind))
                tables.prepare()
                tables.grant()
