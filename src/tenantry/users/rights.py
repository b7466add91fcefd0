"""What a shared user may do in one tenant, by the roles of the membership there."""

from __future__ import annotations

from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Q

from tenantry.context import override_tenant
from tenantry.users.counterparts import has_field
from tenantry.users.models import Membership, MembershipState
from tenantry.users.roles import OWNER, of_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.types import TenantRef

VISITOR = "visitor"
FLAGS = {"is_staff": "staff", "is_superuser": "superuser"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Flags, names of groups, and permissions as "app_label.codename"."""

    staff: bool
    superuser: bool
    groups: tuple[str, ...]
    permissions: tuple[str, ...]

    def as_json(self) -> list[Any]:
        """Return them as what a row holds, to be compared."""
        return [self.staff, self.superuser, [*self.groups], [*self.permissions]]


def rights_of(user_pk: Any, tenant: TenantRef) -> Rights:
    """Return what the shared user may do in the tenant.

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
            return _rights([VISITOR])
        names = [*membership.roles, *([OWNER] if membership.is_owner else ())]
        return _rights(
            names,
            groups=[group.name for group in membership.groups.all()],
            permissions=[
                f"{each.content_type.app_label}.{each.codename}"
                for each in membership.permissions.all()
            ],
        )


def _rights(
    names: list[str], *, groups: Iterable[str] = (), permissions: Iterable[str] = ()
) -> Rights:
    roles = of_names(names)
    return Rights(
        staff=any(role.staff for role in roles),
        superuser=any(role.superuser for role in roles),
        groups=tuple(sorted({*groups, *(g for role in roles for g in role.groups)})),
        permissions=tuple(
            sorted({*permissions, *(p for role in roles for p in role.permissions)})
        ),
    )


def has_flags(local: Any, rights: Rights) -> bool:
    """Whether the user's own columns say what the rights do."""
    return all(
        getattr(local, name) == getattr(rights, each)
        for name, each in FLAGS.items()
        if has_field(local, name)
    )


def give(local: Any, rights: Rights) -> None:
    """Let the tenant's user have these rights and no others; the tenant is active."""
    flags = [name for name in FLAGS if has_field(local, name)]
    for name in flags:
        setattr(local, name, getattr(rights, FLAGS[name]))
    if flags:
        local.save(update_fields=flags)
    if has_field(local, "groups"):
        local.groups.set(Group.objects.filter(name__in=rights.groups))
    if has_field(local, "user_permissions"):
        local.user_permissions.set(_permissions(rights.permissions))


NO_RIGHTS = Rights(staff=False, superuser=False, groups=(), permissions=())


def _permissions(names: tuple[str, ...]) -> Any:
    if not names:
        return []
    pairs = (name.partition(".") for name in names)
    wanted = (Q(content_type__app_label=app, codename=name) for app, _, name in pairs)
    return Permission.objects.filter(reduce(or_, wanted))
