"""What a role gives: `TENANTRY["ROLES"]`, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.users.models import Membership

OWNER = "owner"
ANY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What those who have the role may do in their tenant.

    `manages`: may invite and remove members, and give roles. `permissions` are
    "app_label.codename", also "app_label.view_*" and "app_label.*"; `groups` are names.
    """

    name: str
    staff: bool = False
    superuser: bool = False
    manages: bool = False
    permissions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    def covers(self, other: Role) -> bool:
        """Whether it gives all that the other gives; only an owner's covers an owner's.

        Who has the one may give and take the other.
        """
        if other.name == OWNER and self.name != OWNER:
            return False
        if self.manages < other.manages:
            return False
        if self.superuser:
            return True
        return (
            not other.superuser
            and self.staff >= other.staff
            and all(self.names(each) for each in other.permissions)
            and set(self.groups) >= set(other.groups)
        )

    def names(self, permission: str) -> bool:
        """Whether its permissions name that one, or all that the pattern matches."""
        return any(
            permission == each
            or (each.endswith(ANY) and permission.startswith(each.removesuffix(ANY)))
            for each in self.permissions
        )


def read(name: str, given: dict[str, Any]) -> Role:
    """Return the role as the settings have it; the owner manages in any case."""
    return Role(
        name=name,
        staff=bool(given.get("STAFF", False)),
        superuser=bool(given.get("SUPERUSER", False)),
        manages=bool(given.get("MANAGES", False)) or name == OWNER,
        permissions=tuple(given.get("PERMISSIONS", ())),
        groups=tuple(given.get("GROUPS", ())),
    )


def known() -> dict[str, Role]:
    """Return the roles by name; there is always an owner."""
    given = {OWNER: {"STAFF": True, "SUPERUSER": True}, **conf.roles}
    return {name: read(name, each) for name, each in given.items()}


def of_names(names: Iterable[str]) -> list[Role]:
    """Return the roles of those names that the settings have."""
    roles = known()
    return [roles[name] for name in names if name in roles]


def merged(roles: Iterable[Role]) -> Role:
    """Return one role that gives what all of them give; an owner's where one is."""
    given = list(roles)
    return Role(
        name=OWNER if any(role.name == OWNER for role in given) else "",
        staff=any(role.staff for role in given),
        superuser=any(role.superuser for role in given),
        manages=any(role.manages for role in given),
        permissions=tuple(name for role in given for name in role.permissions),
        groups=tuple(name for role in given for name in role.groups),
    )


def of_membership(membership: Membership) -> tuple[Role, ...]:
    """Return the roles of a member; the owner's is by `is_owner`, never by name."""
    names = [name for name in membership.roles if name != OWNER]
    if membership.is_owner:
        names.insert(0, OWNER)
    return tuple(of_names(names))
