"""Deleting one's account, and the tenants that are one's own: after a grace period.

Asked for, the tenants are out of service at once and nothing is deleted. Until it is
due the user can change their mind; then `purge`, which an operator's schedule runs,
drops the tenants and deletes the account. What died half-way is finished by the next.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction
from django.db.models import Q
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
from tenantry.users.member_rows import membership_model
from tenantry.users.signup import own_tenants

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["Due", "ask", "due", "keep", "purge", "scheduled"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An account that is to be deleted now, and the keys of its tenants."""

    user_pk: str
    name: str
    due_at: datetime
    keys: tuple[str, ...]


def ask(user: Any) -> ScheduledDeletion:
    """Take the shared user's own tenants out of service, and schedule the deletion.

    Asked twice it is what it was. Raises `DeletionRefused` where others are members of
    a tenant that the user owns, and `LifecycleError` where one is just being made.
    """
    with override_tenant(None), transaction.atomic():
        _locked_user(user.pk)
        there = scheduled(user)
        if there is not None:
            return there
        tenants = own_tenants(user)
        _refuse_others(user.pk, [tenant.key for tenant in tenants])
        due_at = timezone.now() + timedelta(days=conf.deletion_grace_days)
        facts = {"user_pk": str(user.pk), "asked_by": str(user), "due_at": due_at}
        for tenant in tenants:
            was_in_service = tenant.state in service.IN_SERVICE
            service.suspend(tenant)
            ScheduledDeletion.objects.create(
                tenant_key=tenant.key, was_in_service=was_in_service, **facts
            )
        row = ScheduledDeletion.objects.create(**facts)
        keys = [tenant.key for tenant in tenants]
        audit.record(
            "account.deletion_asked", tenant="", actor=user, target=user, tenants=keys
        )
        return row


def keep(user: Any) -> bool:
    """Cancel the deletion, and serve the tenants again that were served before.

    Returns False where none was scheduled. Raises `DeletionRefused` when it has begun.
    """
    with override_tenant(None), transaction.atomic():
        rows = _locked_rows(user.pk)
        if not rows:
            return False
        if any(row.begun_at for row in rows):
            raise DeletionRefused(
                str(user),
                "it was due, and has begun",
                next_step="It cannot be undone.",
            )
        for row in rows:
            tenant = _tenant(row.tenant_key)
            is_there = tenant is not None and tenant.state == State.SUSPENDED
            if is_there and row.was_in_service:
                service.resume(tenant)
            row.delete()
        audit.record("account.deletion_cancelled", tenant="", actor=user, target=user)
        return True


def scheduled(user: Any) -> ScheduledDeletion | None:
    """Return when the account is to be deleted; None where it is not."""
    with override_tenant(None):
        rows = ScheduledDeletion.objects.filter(user_pk=str(user.pk), tenant_key="")
        return rows.first()


def ready() -> Q:
    """Return the condition for what is to be deleted now, or was begun."""
    return Q(due_at__lte=timezone.now()) | Q(begun_at__isnull=False)


def due() -> list[Due]:
    """Return shared users' accounts that are due, or were begun and not finished."""
    with override_tenant(None):
        found: dict[str, list[ScheduledDeletion]] = {}
        rows = ScheduledDeletion.objects.filter(ready()).exclude(user_pk="")
        for row in rows.order_by("due_at", "pk"):
            found.setdefault(row.user_pk, []).append(row)
    return [
        Due(
            user_pk=pk,
            name=rows[0].asked_by,
            due_at=rows[0].due_at,
            keys=tuple(row.tenant_key for row in rows if row.tenant_key),
        )
        for pk, rows in found.items()
    ]


def purge(account: Due) -> None:
    """Drop the tenants of an account that is due, then delete the account.

    A tenant that has another owner by now stays. Raises `DeletionRefused` where others
    have joined one, what `drop` raises, and what deleting the user raises; then the
    rest is for the next purge. `RuntimeError` inside an atomic block.
    """
    with override_tenant(None):
        rows = _begun(account.user_pk)
        for row in rows:
            tenant = _tenant(row.tenant_key)
            if tenant is not None and _is_theirs(tenant, account.user_pk):
                lifecycle.drop(tenant)
        if rows:
            _delete_account(account)


def _begun(user_pk: str) -> list[ScheduledDeletion]:
    """Mark that the deletion has begun; return its rows, none if it was cancelled.

    From here on it cannot be cancelled: who cancels waits for the same rows.
    """
    with transaction.atomic():
        rows = _locked_rows(user_pk)
        now = timezone.now()
        if not any(row.begun_at for row in rows):
            if any(row.due_at > now for row in rows):
                return []  # cancelled, and asked for anew
            _refuse_others(user_pk, [row.tenant_key for row in rows if row.tenant_key])
        for row in rows:
            row.begun_at = row.begun_at or now
            row.save(update_fields=["begun_at"])
    return rows


def _delete_account(account: Due) -> None:
    """Delete the user, and by it their memberships, and what was scheduled."""
    with transaction.atomic():
        ScheduledDeletion.objects.filter(user_pk=account.user_pk).delete()
        user = _locked_user(account.user_pk)
        if user is None:
            return
        rows = membership_model()._base_manager.filter(user_id=user.pk)
        for row in rows.select_related("tenant"):
            audit.record("member.left", tenant=row.tenant.key, actor=user, target=user)
        pk = str(user.pk)
        audit.record("account.deleted", tenant="", target=user, user_pk=pk)
        user.delete()


def _is_theirs(tenant: Any, user_pk: str) -> bool:
    """Whether it is the user's to delete; one that is half gone needs no owner."""
    if tenant.state == State.DROPPING:
        return True
    rows = membership_model()._base_manager.filter(tenant=tenant, is_owner=True)
    return bool(rows.filter(user_id=_pk(user_pk)).exists())


def _refuse_others(user_pk: Any, keys: Sequence[str]) -> None:
    """Raise `DeletionRefused` where the user owns one that others are members of."""
    own = membership_model()._base_manager.filter(
        tenant__key__in=keys, user_id=_pk(user_pk), is_owner=True
    )
    others = membership_model()._base_manager.filter(
        tenant_id__in=own.values("tenant_id")
    )
    found = others.exclude(user_id=_pk(user_pk)).values_list("tenant__key", flat=True)
    _refuse(user_pk, sorted(set(found)))


def _refuse(user_pk: Any, keys: Iterable[str]) -> None:
    shown = ", ".join(keys)
    if shown:
        raise DeletionRefused(
            str(user_pk),
            f"others are members of what they own ({shown})",
            next_step="Transfer it to one of them, or remove them, first.",
        )


def _tenant(key: str) -> Any:
    return registry.tenant_model._base_manager.filter(key=key).first() if key else None


def _pk(text: Any) -> Any:
    return apps.get_model(conf.shared_user_model)._meta.pk.to_python(text)


def _locked_user(pk: Any) -> Any:
    users = apps.get_model(conf.shared_user_model)._base_manager.select_for_update()
    return users.filter(pk=_pk(pk)).first()


def _locked_rows(user_pk: Any) -> list[ScheduledDeletion]:
    rows = ScheduledDeletion.objects.select_for_update()
    return list(rows.filter(user_pk=str(user_pk)).order_by("pk"))
