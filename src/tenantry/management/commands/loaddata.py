"""Django's `loaddata`; refuses rows of tenants, which it would leave out silently."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError
from django.core.management.commands import loaddata
from django.db import DEFAULT_DB_ALIAS

from tenantry.context import get_tenant
from tenantry.exceptions import NoActiveTenant
from tenantry.guards import sides_now


class Command(loaddata.Command):
    """Django's own, but for rows of tenants with none active."""

    def save_obj(self, obj: Any) -> bool:
        """Save it; raise `CommandError` for a row that only tenants have room for."""
        meta = obj.object._meta
        side = sides_now()[meta.app_label]
        here = self.using == DEFAULT_DB_ALIAS and get_tenant() is None
        if here and side.tenants and not side.shared and not self._excludes(obj):
            raise CommandError(f"{NoActiveTenant(meta.label)} Nothing was loaded.")
        saved: bool = super().save_obj(obj)
        return saved

    def _excludes(self, obj: Any) -> bool:
        app = obj.object._meta.app_config
        return app in self.excluded_apps or type(obj.object) in self.excluded_models
