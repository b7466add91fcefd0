"""Signing up: an account and a tenant of its own, recorded at once, then made live.

The record is one transaction: the account, the tenant that is being provisioned, and
who owns it. What follows can take long and cannot be in a transaction; it is done by
`waiting.start`, and finished by whoever looks after a process has died.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction

from tenantry import guards
from tenantry.catalog import audit
from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.connections import require_no_transaction
from tenantry.context import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.lifecycle import provision as lifecycle
from tenantry.users import pending
from tenantry.users.member_rows import membership_model
from tenantry.users.people import members_of
from tenantry.users.roles import OWNER

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["begin", "own_tenants", "provision_for"]


def provision_for(
    user: Any, *, key: str, domains: Sequence[str] = (), **fields: Any
) -> Any:
    """Make a new tenant that the user owns, whole and routable; return its row.

    *user* is a shared user, or, where tenants have users of their own, the first one of
    the tenant, unsaved. *domains* and *fields* are as of `Tenant.objects.provision`. An
    unsaved user is saved with the record of the tenant, or neither is; on a later error
    the tenant is undone and a shared user stays.

    Raises what `provision` raises.
    """
    tenant = registry.tenant_model(key=key, state=State.PROVISIONING, **fields)
    begin(user, tenant, domains=domains)
    with override_tenant(None):
        return lifecycle.finish(tenant)


def begin(user: Any, tenant: Any, *, domains: Sequence[str] = ()) -> None:
    """Record the account, the tenant to be made, and who owns it: all or nothing.

    The caller must `finish` the tenant. Raises `KeyTaken`, `LocationTaken`,
    `ValidationError`, and `IntegrityError` where the user's name, the slug or a domain
    was taken meanwhile; `RuntimeError` inside an atomic block.
    """
    require_no_transaction()
    own = guards.have_own_users(tenant.kind)
    if not own:
        _refuse_without_memberships()
    with override_tenant(None), transaction.atomic(durable=True):
        if own:
            pending.remember(user, tenant.key)
        elif user._state.adding:
            user.save()
            audit.record("account.created", tenant="", actor=user, target=user)
        lifecycle.record(tenant)
        for number, host in enumerate(domains):
            registry.domain_model(
                tenant=tenant, host=host, is_primary=number == 0
            ).save()
        if not own:
            members_of(tenant).add(user, OWNER)


def _refuse_without_memberships() -> None:
    """Raise where a shared user could own nothing."""
    if not apps.is_installed("tenantry.users"):
        msg = (
            "Shared users own tenants by memberships: add 'tenantry.users' to "
            "INSTALLED_APPS, or put the app of the user model in TENANT_APPS only."
        )
        raise NotSupported(msg)


def own_tenants(user: Any) -> list[Any]:
    """Return the tenants that the shared user owns, the oldest first."""
    with override_tenant(None):
        rows = membership_model()._base_manager.filter(user_id=user.pk, is_owner=True)
        found = rows.select_related("tenant").order_by("tenant__created_at")
        return [row.tenant for row in found]
