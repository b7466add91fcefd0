"""The entry of INSTALLED_APPS where shared users are members of tenants."""

from __future__ import annotations

from django.apps import AppConfig


class UsersConfig(AppConfig):
    """`tenantry.users`: memberships, in the shared database."""

    name = "tenantry.users"
    label = "tenantry_users"
    verbose_name = "Members of tenants"
    default_auto_field = "django.db.models.BigAutoField"
