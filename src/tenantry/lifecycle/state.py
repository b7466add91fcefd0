"""Takes a tenant out of service and back: its state, nothing of its data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import transaction

from tenantry.catalog import audit
from tenantry.catalog.models import State
from tenantry.catalog.people import ScheduledDeletion
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError
from tenantry.lifecycle import journal
from tenantry.lifecycle.actions import RESUME, SUSPEND

if TYPE_CHECKING:
    from collections.abc import Collection

RECORDED = {SUSPEND: "tenant.suspended", RESUME: "tenant.resumed"}
IN_SERVICE = (State.ACTIVE, State.MAINTENANCE)


def suspend(tenant: Any) -> None:
    """Answer the tenant's requests with 403 from now on; its data stays as it is.

    Of one that its owner is about to delete, the owner's change of mind does not undo
    it. Raises `LifecycleError` for one that is not whole: being provisioned or dropped.
    """
    with override_tenant(None), transaction.atomic():
        _change(tenant, State.SUSPENDED, action=SUSPEND, allowed=IN_SERVICE)
        scheduled = ScheduledDeletion.objects.filter(tenant_key=tenant.key)
        scheduled.update(was_in_service=False)


def resume(tenant: Any) -> None:
    """Serve a suspended tenant, or one in maintenance, again.

    Raises `LifecycleError` for one that is not whole: being provisioned or dropped.
    """
    allowed = (State.SUSPENDED, State.MAINTENANCE)
    _change(tenant, State.ACTIVE, action=RESUME, allowed=allowed)


def _change(
    tenant: Any, state: State, *, action: str, allowed: Collection[State]
) -> None:
    """Write the state, unless it is so already, and tell every process."""
    model = type(tenant)
    with override_tenant(None), transaction.atomic():
        # Locked, so that a drop that begins meanwhile is not written over.
        row = model._base_manager.select_for_update().get(pk=tenant.pk)
        if row.state != state:
            if row.state not in allowed:
                raise LifecycleError(
                    row.key,
                    action,
                    f"it is {State(row.state).label}",
                    next_step=f"See `manage.py tenants show {row.key}`.",
                )
            with journal.announced(model, row.key, action=action, step="changed"):
                row.state = state
                row.save(update_fields=["state"])
                audit.record(RECORDED[action], tenant=row.key, target=row)
    tenant.state = state
