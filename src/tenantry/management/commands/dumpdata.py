"""Django's `dumpdata`; refuses what would silently be an empty dump."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import dumpdata

from tenantry.context import get_tenant
from tenantry.exceptions import NoActiveTenant
from tenantry.guards import not_in_kind, sides_now


class Command(dumpdata.Command):
    """Django's own, but for apps of tenants with none active, or of another kind."""

    def handle(self, *app_labels: str, **options: Any) -> None:
        """Dump; raise `CommandError` for an app whose rows are all in other places."""
        tenant = get_tenant()
        for label in app_labels:
            side = sides_now()[label.partition(".")[0]]
            if tenant is None and side.tenants and not side.shared:
                raise CommandError(str(NoActiveTenant(label)))
            if tenant is not None and side.elsewhere:
                raise CommandError(str(not_in_kind(label, tenant)))
        super().handle(*app_labels, **options)
