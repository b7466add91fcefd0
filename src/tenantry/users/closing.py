"""Deleting a tenant that has its own users, at its owner's wish: after a grace period.

Nobody can sign in to a tenant that is out of service, so its owner keeps a ticket, by
which it is served again. `deletion` has the same for shared users.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.db import transaction
from django.utils import timezone

from tenantry.catalog import audit
from tenantry.catalog.models import State
from tenantry.catalog.people import ScheduledDeletion
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import DeletionRefused
from tenantry.lifecycle import provision as lifecycle
from tenantry.lifecycle import state as service
from tenantry.users.deletion import Due, ready
from tenantry.users.people import people_of

if TYPE_CHECKING:
    from tenantry.types import TenantRef

__all__ = ["ask", "due", "keep", "of_ticket", "purge", "ticket"]

SALT = "tenantry.closing"


def ask(ref: TenantRef, user: Any) -> ScheduledDeletion:
    """Take the tenant out of service, and schedule that it is dropped.

    *user* is its owner, and nobody else is in it: otherwise `DeletionRefused` is
    raised; `LifecycleError` where the tenant is not whole.
    """
    person = people_of(ref).of_user(user)
    if person is None or not person.is_owner:
        raise DeletionRefused(
            str(user), f"they do not own {ref.key}", next_step="Its owner can."
        )
    with override_tenant(None), transaction.atomic():
        tenant = registry.tenant_model._base_manager.select_for_update().get(
            key=ref.key
        )
        there = _locked_row(ref.key)
        if there is not None:
            return there
        _refuse_others(ref)
        was_in_service = tenant.state in service.IN_SERVICE
        service.suspend(tenant)
        audit.record("account.deletion_asked", tenant=ref, actor=user, target=ref.key)
        return ScheduledDeletion.objects.create(
            tenant_key=ref.key,
            user_pk="",
            asked_by=str(user),
            due_at=timezone.now() + timedelta(days=conf.deletion_grace_days),
            was_in_service=was_in_service,
        )


def ticket(row: ScheduledDeletion) -> str:
    """Return what its owner shows to keep the tenant."""
    with override_tenant(None):
        return signing.dumps(row.pk, salt=SALT)


def of_ticket(shown: str) -> ScheduledDeletion | None:
    """Return the deletion of the ticket; None where it was cancelled, or is done.

    Raises `BadSignature` for a ticket that is not ours.
    """
    with override_tenant(None):
        pk = signing.loads(shown, salt=SALT)
        return ScheduledDeletion.objects.filter(pk=pk, user_pk="").first()


def keep(key: str) -> bool:
    """Cancel the deletion, and serve the tenant again, if it was served before.

    Returns False where none was scheduled. Raises `DeletionRefused` when it has begun.
    """
    with override_tenant(None), transaction.atomic():
        row = _locked_row(key)
        if row is None:
            return False
        if row.begun_at:
            raise DeletionRefused(
                key, "it was due, and has begun", next_step="It cannot be undone."
            )
        tenant = _tenant(key)
        is_there = tenant is not None and tenant.state == State.SUSPENDED
        if is_there and row.was_in_service:
            service.resume(tenant)
        row.delete()
        audit.record("account.deletion_cancelled", tenant=key, actor="", target=key)
        return True


def due() -> list[Due]:
    """Return the tenants that are to be dropped now, or were begun and not finished."""
    with override_tenant(None):
        rows = ScheduledDeletion.objects.filter(ready(), user_pk="")
        return [
            Due(
                user_pk="",
                name=row.asked_by,
                due_at=row.due_at,
                keys=(row.tenant_key,),
            )
            for row in rows.order_by("due_at", "pk")
        ]


def purge(key: str) -> None:
    """Drop the tenant, where its deletion is due and was not cancelled.

    Raises `DeletionRefused` where there are others by now, and what `drop` raises; then
    it is for the next purge. `RuntimeError` inside an atomic block.
    """
    with override_tenant(None):
        with transaction.atomic():
            row = _locked_row(key)
            tenant = _tenant(key)
            if row is None or (row.begun_at is None and row.due_at > timezone.now()):
                return
            if row.begun_at is None and tenant is not None:
                _refuse_others(tenant.ref)
            row.begun_at = row.begun_at or timezone.now()
            row.save(update_fields=["begun_at"])
        if tenant is not None:
            lifecycle.drop(tenant)
        row.delete()
        audit.record("account.deleted", tenant=key, target=row.asked_by)


def _refuse_others(ref: TenantRef) -> None:
    others = [each.name for each in people_of(ref).all() if not each.is_owner]
    if others:
        raise DeletionRefused(
            ref.key,
            f"others are in it ({', '.join(others[:10])})",
            next_step="Transfer it to one of them, or remove them, first.",
        )


def _tenant(key: str) -> Any:
    return registry.tenant_model._base_manager.filter(key=key).first()


def _locked_row(key: str) -> ScheduledDeletion | None:
    rows = ScheduledDeletion.objects.select_for_update()
    return rows.filter(tenant_key=key, user_pk="").first()
