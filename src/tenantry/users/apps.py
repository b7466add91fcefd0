"""The entry of INSTALLED_APPS where shared users are members of tenants."""

from __future__ import annotations

from django.apps import AppConfig
from django.db.models.signals import pre_delete


class UsersConfig(AppConfig):
    """`tenantry.users`: memberships, in the shared database."""

    name = "tenantry.users"
    label = "tenantry_users"
    verbose_name = "Members of tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Keep the owners of tenants."""
        from tenantry.users.models import (  # noqa: PLC0415  (apps must be ready)
            Membership,
            refuse_owners_end,
        )

        pre_delete.connect(
            refuse_owners_end, sender=Membership, dispatch_uid="tenantry.users.owner"
        )
