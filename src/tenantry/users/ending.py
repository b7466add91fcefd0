"""What ends with somebody's access to a tenant: the invitations that they sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils import timezone

from tenantry.catalog.people import NAME_LENGTH, Invitation
from tenantry.context import override_tenant

if TYPE_CHECKING:
    from tenantry.types import TenantRef


def withdraw_invitations(tenant: TenantRef, user: Any) -> None:
    """Let nobody in whom the user invited: it may be themselves, by another address."""
    with override_tenant(None):
        sent = Invitation.objects.filter(
            tenant_key=tenant.key, invited_by=str(user)[:NAME_LENGTH]
        )
        still_open = sent.filter(accepted_at=None, withdrawn_at=None)
        still_open.update(withdrawn_at=timezone.now())
