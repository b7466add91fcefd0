"""Who owns a tenant that has users of its own: a row of the shared database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

from tenantry.catalog.people import TenantOwner
from tenantry.context import get_tenant, override_tenant
from tenantry.exceptions import OwnsTenants

if TYPE_CHECKING:
    from tenantry.types import TenantRef


def owner_pk(tenant: TenantRef) -> str | None:
    """Return the text of the primary key of the user who owns the tenant."""
    with override_tenant(None):
        rows = TenantOwner.objects.filter(tenant_key=tenant.key)
        return rows.values_list("user_pk", flat=True).first()


def owning_member(tenant: TenantRef) -> Any:
    """Return the shared user who owns the tenant, which may have users of its own."""
    if not apps.is_installed("tenantry.users"):
        return None
    model: Any = apps.get_app_config("tenantry_users").get_model("Membership")
    with override_tenant(None):
        rows = model._base_manager.filter(tenant__key=tenant.key, is_owner=True)
        row = rows.select_related("user").first()
        return None if row is None else row.user


def set_owner(tenant: TenantRef, user: Any) -> None:
    """Make a user of the tenant its only owner."""
    with override_tenant(None):
        TenantOwner.objects.update_or_create(
            tenant_key=tenant.key, defaults={"user_pk": str(user.pk)}
        )


def forget_owner(instance: Any, **_: object) -> None:
    """Forget who owned a tenant that is gone.

    Receives `post_delete` of the tenant model. A key whose provisioning failed is used
    again: whoever has the same primary key there is not the owner.
    """
    with override_tenant(None):
        TenantOwner.objects.filter(tenant_key=instance.key).delete()


def keep_owner(instance: Any, **_: object) -> None:
    """Raise `OwnsTenants` where the user who is deleted owns the active tenant.

    Receives `pre_delete` of AUTH_USER_MODEL.
    """
    tenant = get_tenant()
    if tenant is None or instance._state.db != tenant.label:
        return
    if owner_pk(tenant) == str(instance.pk):
        raise OwnsTenants(instance, [instance], [tenant.key])
