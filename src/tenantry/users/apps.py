"""The entry of INSTALLED_APPS where shared users are members of tenants."""

from __future__ import annotations

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """`tenantry.users`: memberships, in the shared database."""

    name = "tenantry.users"
    label = "tenantry_users"
    verbose_name = "Members of tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep counterparts, and let handed-over shared users work as theirs."""
        from tenantry.scopes import handover  # noqa: PLC0415  (has models)
        from tenantry.users import counterparts, keeping  # noqa: PLC0415  (has models)

        keeping.connect()
        handover.Hooks.find_own_user = counterparts.find_own_user
