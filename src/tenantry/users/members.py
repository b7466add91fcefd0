"""The tenants of a shared user."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, IntegerField, Value, When

from tenantry.catalog.models import State
from tenantry.context import as_ref, override_tenant
from tenantry.users.lookup import shared_user_model
from tenantry.users.models import Membership

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenantry.types import HasRef, TenantRef

__all__ = ["membership", "memberships_of"]


def membership(user: Any, tenant: TenantRef | HasRef | str) -> Membership | None:
    """Return the user's membership in the tenant, as it is in the database now.

    None for somebody who is no member, is not a shared user or was never saved. Raises
    `TenantNotFound` for an unknown key.
    """
    ref = as_ref(tenant)
    if ref is None:
        return None
    return memberships_of(user).filter(tenant__key=ref.key).first()


def memberships_of(user: Any) -> QuerySet[Membership]:
    """Return the user's memberships: "my tenants", with the tenant of each.

    Those of active tenants come first, and of these the last entered. Where tenants
    have users of their own as well, use it with no tenant active.
    """
    with override_tenant(None):
        if not isinstance(user, shared_user_model()) or user.pk is None:
            return Membership.objects.none()
        inactive = Case(
            When(tenant__state=State.ACTIVE, then=Value(0)),
            default=Value(1),
            output_field=IntegerField(),
        )
        return (
            Membership.objects.filter(user=user)
            .select_related("tenant")
            .order_by(inactive, F("last_entered_at").desc(nulls_last=True), "pk")
        )
