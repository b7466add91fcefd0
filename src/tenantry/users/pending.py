"""The first user of a tenant that is being made, where tenants have their own users.

Their fields, the password's hash among them, are kept in the shared database until the
tenant has tables. A receiver of `tenant_provisioned` makes the user there, so no tenant
is routable without; what was kept goes when the tenant is active, or is undone.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_delete

from tenantry.catalog import audit
from tenantry.catalog.people import PendingOwner
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.lifecycle.actions import PROVISION
from tenantry.signals import lifecycle_step, tenant_provisioned
from tenantry.users.people import people_of
from tenantry.users.roles import OWNER

if TYPE_CHECKING:
    from django.db.models import Field, Model


def remember(user: Model, key: str) -> None:
    """Keep the unsaved user for the tenant of that key; in the caller's transaction."""
    values = {
        field.name: field.value_to_string(user)
        for field in _fields(type(user))
        if field.value_from_object(user) is not None
    }
    PendingOwner.objects.create(tenant_key=key, values=values)


def _fields(model: type[Model]) -> list[Field[Any, Any]]:
    """Return the fields that a user who is in no database can have."""
    fields = model._meta.concrete_fields
    return [each for each in fields if not (each.primary_key or each.is_relation)]


def make(*, tenant: Any, **_: object) -> None:
    """Make the user who signed up, in the tenant, which is active."""
    with override_tenant(None):
        pending = PendingOwner.objects.filter(tenant_key=tenant.key).first()
    if pending is None:
        return
    model = get_user_model()
    values = {
        field.name: field.to_python(pending.values[field.name])
        for field in _fields(model)
        if field.name in pending.values
    }
    user = model(**values)
    user.save()
    audit.record("account.created", tenant=tenant.key, actor=user, target=user)
    people_of(tenant).add(user, OWNER)


def forget(key: str) -> None:
    """Remove what was kept for the tenant: it is made, or it never will be."""
    with override_tenant(None):
        PendingOwner.objects.filter(tenant_key=key).delete()


def _made(*, key: str, action: str, step: str, done: bool, **_: object) -> None:
    if done and (action, step) == (PROVISION, "activated"):
        forget(key)


def _removed(*, instance: Any, **_: object) -> None:
    forget(instance.key)


def connect() -> None:
    """Listen to provisioning; called when the app is ready."""
    uid = "tenantry.pending"
    tenant_provisioned.connect(make, dispatch_uid=uid)
    lifecycle_step.connect(_made, dispatch_uid=uid)
    if conf.tenant_model is None:
        return  # the checks say so
    with suppress(LookupError, ValueError):  # so they do here
        post_delete.connect(_removed, sender=registry.tenant_model, dispatch_uid=uid)
