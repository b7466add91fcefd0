"""Which shared users are members of which tenants, and what they may do there."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.utils import timezone

from tenantry.catalog.models import State
from tenantry.catalog.people import NAME_LENGTH, PK_LENGTH
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import OwnsTenants

__all__ = ["Counterpart", "Membership", "MembershipState"]


def keep_owners(  # noqa: PLR0917  (Django's own signature)
    collector: Any, field: Any, sub_objs: Any, using: str
) -> None:
    """Delete the memberships with their user; of an owner, let the admin say no.

    The admin shows what is protected before it deletes; for all others
    `refuse_owners_end` says more than Django's `ProtectedError` would.
    """
    if hasattr(collector, "add_edge"):
        owned = {row for row in sub_objs if row.is_owner}
        if owned:
            msg = "Owners of tenants cannot be deleted."
            raise models.ProtectedError(msg, owned)
    models.CASCADE(collector, field, sub_objs, using)


class MembershipState(models.TextChoices):
    """Whether a membership gives access; one that ended has no row."""

    ACTIVE = "active", "active"
    SUSPENDED = "suspended", "suspended"


class Membership(models.Model):
    """A shared user is a member of a tenant, with roles there.

    Roles are names of `TENANTRY["ROLES"]`; groups and permissions add to what they
    give. All hold in this tenant only. Read it with no tenant active, or by
    `tenantry.users.members`.
    """

    tenant = models.ForeignKey(
        conf.tenant_model or "tenantry.Tenant",
        on_delete=models.CASCADE,
        related_name="memberships",
    )
    user = models.ForeignKey(
        conf.shared_user_model,
        on_delete=keep_owners,
        related_name="tenant_memberships",
    )
    state = models.CharField(
        max_length=20, choices=MembershipState.choices, default=MembershipState.ACTIVE
    )
    is_owner = models.BooleanField(default=False)
    roles = models.JSONField(default=list, blank=True)
    groups = models.ManyToManyField("auth.Group", blank=True, related_name="+")
    permissions = models.ManyToManyField(
        "auth.Permission", blank=True, related_name="+"
    )
    joined_at = models.DateTimeField(default=timezone.now)
    last_entered_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "user"), name="tenantry_users_one_membership"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} of {self.tenant}"


class Counterpart(models.Model):
    """The user of a tenant as whom a shared one works there.

    Where tenants have users of their own, rows of theirs can refer to no other. That
    user is the one of this primary key and name; `granted` is what roles gave it last.
    """

    tenant = models.ForeignKey(
        conf.tenant_model or "tenantry.Tenant",
        on_delete=models.CASCADE,
        related_name="+",
    )
    user = models.ForeignKey(
        conf.shared_user_model, on_delete=models.CASCADE, related_name="+"
    )
    local_pk = models.CharField(max_length=PK_LENGTH, null=True)  # noqa: DJ001  (not yet)
    local_name = models.CharField(max_length=NAME_LENGTH, blank=True)
    granted = models.JSONField(default=list)

    class Meta:
        constraints = (
            models.UniqueConstraint(
                fields=("tenant", "user"), name="tenantry_users_one_counterpart"
            ),
            models.UniqueConstraint(
                fields=("tenant", "local_pk"), name="tenantry_users_one_shared_user"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user} in {self.tenant}"


def refuse_owners_end(instance: Any, origin: Any = None, **_: object) -> None:
    """Raise `OwnsTenants` where an owner's membership goes before its tenant.

    Receives `pre_delete` of memberships, so that deleting the user is refused as well.
    Whether tenants may be deleted, their own receiver says.
    """
    if not instance.is_owner or instance.tenant.state == State.DROPPING:
        return
    if getattr(origin, "model", type(origin)) is type(instance.tenant):
        return
    with override_tenant(None):
        rows = type(instance)._base_manager.select_related("tenant")
        found = rows.filter(user_id=instance.user_id, is_owner=True)
        owned = list(found.order_by("tenant__key"))
        raise OwnsTenants(instance.user, owned, [row.tenant.key for row in owned])
