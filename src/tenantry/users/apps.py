"""The entry of INSTALLED_APPS where shared users are members of tenants."""

from __future__ import annotations

from importlib import import_module

from django.apps import AppConfig, apps
from django.db.models.signals import pre_delete

from tenantry.conf import conf


class UsersConfig(AppConfig):
    """`tenantry.users`: memberships, in the shared database."""

    name = "tenantry.users"
    label = "tenantry_users"
    verbose_name = "Members of tenants"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Substitute the seams of people, after those that hold for all models."""
        import_module("tenantry.users.recording")  # it has seams
        from tenantry import seams  # noqa: PLC0415  (has models)
        from tenantry.scopes import handover  # noqa: PLC0415  (has models)
        from tenantry.users import counterparts, keeping  # noqa: PLC0415  (has models)
        from tenantry.users.models import (  # noqa: PLC0415  (apps must be ready)
            Membership,
            refuse_owners_end,
        )
        from tenantry.users.seams import install  # noqa: PLC0415  (has models)

        seams.install()
        pre_delete.connect(
            refuse_owners_end, sender=Membership, dispatch_uid="tenantry.users.owner"
        )
        if has_shared_users():
            install()
            keeping.connect()
            handover.Hooks.find_own_user = counterparts.find_own_user


def has_shared_users() -> bool:
    """Whether the model of shared users is there; the checks say where it is not."""
    try:
        apps.get_model(conf.shared_user_model)
    except (LookupError, ValueError):
        return False
    return True
