"""Django's `migrate`: migrates the shared database, and says who is behind."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import DEFAULT_DB_ALIAS

from tenantry.context import get_tenant
from tenantry.fleet.plan import plan_fleet
from tenantry.fleet.selection import Selection


class Command(migrate.Command):
    """Adds one line to Django's own."""

    def handle(self, *args: Any, **options: Any) -> None:
        """Migrate; then count the tenants that are behind."""
        super().handle(*args, **options)
        whole = options["app_label"] is None and not options["plan"]
        shared = get_tenant() is None and options["database"] == DEFAULT_DB_ALIAS
        if whole and shared and options["verbosity"] > 0:
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
