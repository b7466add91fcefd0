"""Who did what in which tenant: one append-only table in the shared database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.catalog.acting import ACTING
from tenantry.catalog.people import AuditEntry
from tenantry.context import get_tenant, override_tenant

if TYPE_CHECKING:
    from tenantry.types import TenantRef

__all__ = ["SHARED_USER", "record"]

# On a user of a tenant's: the shared user who works in the tenant as them.
SHARED_USER = "_tenantry_shared_user"


def record(
    action: str,
    *,
    tenant: TenantRef | str | None = None,
    actor: Any = None,
    target: object = "",
    **facts: Any,
) -> AuditEntry:
    """Write down that somebody did something; return the entry.

    *tenant* is where it was done: the active one unless given, "" is the shared site.
    *actor* is the user who did it, *target* what it was done to; *facts* are values
    that JSON can hold. Where somebody acts as another, they are the impersonator.
    """
    who = ACTING.get()
    if who is not None and actor is None:
        actor = who.user
    here = get_tenant()
    if tenant is None:
        tenant = "" if here is None else here.key
    key = tenant if isinstance(tenant, str) else tenant.key
    with override_tenant(None):
        return AuditEntry.objects.create(
            action=action,
            tenant_key=key,
            actor="" if actor is None else str(actor),
            actor_pk="" if actor is None else str(actor.pk),
            impersonator="" if who is None else who.impersonator.name,
            target=str(target),
            facts=facts,
        )
