"""What a shared user may do as a counterpart, by the roles of the membership there."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, Permission

from tenantry.context import override_tenant
from tenantry.users.accounts import has_field
from tenantry.users.models import Membership, MembershipState
from tenantry.users.permissions import named
from tenantry.users.roles import Role, merged, of_membership, of_names

if TYPE_CHECKING:
    from tenantry.types import TenantRef

VISITOR = "visitor"
FLAGS = {"is_staff": "staff", "is_superuser": "superuser"}
NO_RIGHTS = Role(name="")


def rights_of(user_pk: Any, tenant: TenantRef) -> Role:
    """Return what the shared user may do in the tenant, as one role.

    Who has no membership and enters all the same has what the role `visitor` gives:
    nothing, unless `TENANTRY["ROLES"]` has it.
    """
    with override_tenant(None):
        membership = (
            Membership._base_manager.filter(
                tenant__key=tenant.key, user=user_pk, state=MembershipState.ACTIVE
            )
            .prefetch_related("groups", "permissions__content_type")
            .first()
        )
        if membership is None:
            return _sorted(merged(of_names([VISITOR])))
        own = Role(
            name="",
            groups=tuple(group.name for group in membership.groups.all()),
            permissions=tuple(
                f"{each.content_type.app_label}.{each.codename}"
                for each in membership.permissions.all()
            ),
        )
        return _sorted(merged([*of_membership(membership), own]))


def _sorted(role: Role) -> Role:
    return replace(
        role,
        groups=tuple(sorted({*role.groups})),
        permissions=tuple(sorted({*role.permissions})),
    )


def as_json(role: Role) -> list[Any]:
    """Return what of the role a user is given, as a row holds it, to be compared."""
    return [role.staff, role.superuser, [*role.groups], [*role.permissions]]


def has_flags(local: Any, role: Role) -> bool:
    """Whether the user's own columns say what the role does."""
    return all(
        getattr(local, name) == getattr(role, each)
        for name, each in FLAGS.items()
        if has_field(local, name)
    )


def give(local: Any, role: Role) -> None:
    """Let the tenant's user have these rights and no others; the tenant is active."""
    flags = [name for name in FLAGS if has_field(local, name)]
    for name in flags:
        setattr(local, name, getattr(role, FLAGS[name]))
    if flags:
        local.save(update_fields=flags)
    if has_field(local, "groups"):
        local.groups.set(Group.objects.filter(name__in=role.groups))
    if has_field(local, "user_permissions"):
        found = Permission.objects.filter(named([role]))
        local.user_permissions.set(found if role.permissions else ())
