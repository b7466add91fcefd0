"""Which tenants a shared user is a member of: "my tenants"."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, IntegerField, Value, When

from tenantry.catalog.models import State
from tenantry.context import as_ref, override_tenant
from tenantry.users.member_rows import is_shared, membership_model

if TYPE_CHECKING:
    from django.db.models import QuerySet

    from tenantry.types import HasRef, TenantRef
    from tenantry.users.models import Membership


def memberships_of(user: Any) -> QuerySet[Membership]:
    """Return the memberships of a shared user, with their tenants.

    Tenants in service come first, and of those the one entered last. Evaluate it with
    no tenant active. Empty for an anonymous user, and for a tenant's own.
    """
    rows = membership_model()._base_manager
    with override_tenant(None):
        found: QuerySet[Membership] = rows.filter(
            user_id=user.pk if is_shared(user) else None
        ).select_related("tenant")
        out_of_service = Case(
            When(tenant__state=State.ACTIVE, then=Value(0)),
            default=Value(1),
            output_field=IntegerField(),
        )
        return found.order_by(
            out_of_service,
            F("last_entered_at").desc(nulls_last=True),
            "tenant__key",
        )


def membership(user: Any, tenant: HasRef | TenantRef | str) -> Membership | None:
    """Return the user's membership of a tenant, or None."""
    ref = as_ref(tenant)
    if ref is None:
        return None
    with override_tenant(None):
        return memberships_of(user).filter(tenant__key=ref.key).first()
