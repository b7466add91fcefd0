"""Django's `dumpdata`; refuses what would silently be an empty dump."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import dumpdata

from tenantry.conf import conf
from tenantry.context import get_tenant
from tenantry.exceptions import NoActiveTenant


class Command(dumpdata.Command):
    """Django's own, but for apps of tenants with no tenant active."""

    def handle(self, *app_labels: str, **options: Any) -> None:
        """Dump; raise `CommandError` for an app whose rows are all in tenants."""
        for label in app_labels if get_tenant() is None else ():
            app = label.partition(".")[0]
            if conf.in_tenants(app) and not conf.in_shared(app):
                raise CommandError(str(NoActiveTenant(label)))
        super().handle(*app_labels, **options)
