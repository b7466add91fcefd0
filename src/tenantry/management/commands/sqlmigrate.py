"""Django's `sqlmigrate`; refuses where a migration makes no table, thus no SQL."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import sqlmigrate
from django.db import connections

from tenantry.context import get_tenant
from tenantry.exceptions import NoActiveTenant
from tenantry.guards import not_in_kind
from tenantry.history import is_foreign


class Command(sqlmigrate.Command):
    """Django's own, but for an app whose tables are in other places."""

    def execute(self, *args: Any, **options: Any) -> str | None:
        """Print the SQL; raise `CommandError` where the place has not the app."""
        label, tenant = options["app_label"], get_tenant()
        if is_foreign(connections[options["database"]], label):
            absent = NoActiveTenant(label)
            raise CommandError(str(not_in_kind(label, tenant) if tenant else absent))
        return super().execute(*args, **options)
