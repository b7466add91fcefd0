"""The permissions of members: of their roles, and of their membership itself.

What is stored of the user, `groups` and `user_permissions`, holds on the shared site.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from django.contrib.auth.models import Group, Permission
from django.db.models import Exists, OuterRef, Q, TextField, Value
from django.db.models.functions import Cast, StrIndex

from tenantry.users.lookup import is_shared_only
from tenantry.users.models import Membership, MembershipState
from tenantry.users.roles import OWNER, known

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import QuerySet

    from tenantry.types import TenantRef
    from tenantry.users.lookup import Standing
    from tenantry.users.roles import Role

ANY = "*"
NONE = Q(pk__in=())
DIRECT: Any = Membership.permissions.through
IN_GROUP: Any = Membership.groups.through


def own(standing: Standing) -> QuerySet[Permission]:
    """Return what roles' PERMISSIONS and the membership's own permissions give."""
    if not _is_answered(standing):
        return Permission.objects.none()
    given = DIRECT.objects.filter(membership=standing.membership)
    return Permission.objects.filter(
        Q(pk__in=given.values("permission")) | named(standing.roles)
    )


def of_groups(standing: Standing) -> QuerySet[Permission]:
    """Return what roles' GROUPS and the membership's own groups give."""
    if not _is_answered(standing):
        return Permission.objects.none()
    given = IN_GROUP.objects.filter(membership=standing.membership)
    groups = Group.objects.filter(
        Q(pk__in=given.values("group")) | Q(name__in=_groups(standing.roles))
    )
    return Permission.objects.filter(group__in=groups)


def _is_answered(standing: Standing) -> bool:
    """Whether there is something to ask for; memberships name shared permissions."""
    return standing.admitted and is_shared_only(Permission)


def named(roles: Iterable[Role]) -> Q:
    """Return what the roles name: "app.codename", "app.view_*", "app.*"."""
    found = NONE
    for pattern in {each for role in roles for each in role.permissions}:
        app_label, _, codename = pattern.partition(".")
        beginning = codename.removesuffix(ANY)
        name = (
            {"codename": codename}
            if beginning == codename
            else {"codename__startswith": beginning}
        )
        found |= Q(content_type__app_label=app_label, **name)
    return found


def _groups(roles: Iterable[Role]) -> list[str]:
    return sorted({name for role in roles for name in role.groups})


def members_with(
    perm: str | Permission,
    tenant: TenantRef,
    *,
    is_active: bool | None = True,
    include_superusers: bool = True,
) -> Q:
    """Return which users have the permission as members of the tenant.

    With *is_active* None or False, those who are suspended count by what they would
    have. Nobody else's members are among them.
    """
    members = Membership._default_manager.filter(
        tenant__key=tenant.key, user=OuterRef("pk")
    )
    members = members.filter(_gives(perm, include_superusers=include_superusers))
    active = Q(Exists(members.filter(state=MembershipState.ACTIVE)))
    if any(field.name == "is_active" for field in _user_fields()):
        active &= Q(is_active=True)
    if is_active:
        return active
    everyone = Q(Exists(members))
    return everyone if is_active is None else everyone & ~active


def _user_fields() -> list[Any]:
    user: Any = Membership._meta.get_field("user").related_model
    return list(user._meta.concrete_fields)


def _gives(perm: str | Permission, *, include_superusers: bool) -> Q:
    """Return which memberships give the permission."""
    if isinstance(perm, Permission):
        wanted = Q(pk=perm.pk)
    else:
        app_label, codename = perm.split(".")
        wanted = Q(content_type__app_label=app_label, codename=codename)
    rows = Permission.objects.filter(wanted)
    direct = DIRECT.objects.filter(membership=OuterRef("pk"), permission__in=rows)
    groups = IN_GROUP.objects.filter(
        membership=OuterRef("pk"), group__permissions__in=rows
    )
    roles = [
        role.name
        for role in known().values()
        if (include_superusers and role.superuser) or _role_gives(role, rows)
    ]
    return Q(Exists(direct)) | Q(Exists(groups)) | having(roles)


def _role_gives(role: Role, rows: QuerySet[Permission]) -> bool:
    if not role.permissions and not role.groups:
        return False
    return rows.filter(named([role]) | Q(group__name__in=role.groups)).exists()


def having(names: Iterable[str]) -> Q:
    """Return which memberships have one of the roles.

    By the text of the list: not every database looks for elements of one.
    """
    found = NONE
    for name in names:
        if name == OWNER:
            found |= Q(is_owner=True)
            continue
        for text in {json.dumps(name), json.dumps(name, ensure_ascii=False)}:
            place = StrIndex(Cast("roles", TextField()), Value(text))
            found |= Q(
                pk__in=Membership._default_manager.alias(at=place).filter(at__gt=0)
            )
    return found
