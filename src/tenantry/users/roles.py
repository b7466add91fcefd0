"""What a role gives: `TENANTRY["ROLES"]`, read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.users.models import Membership

OWNER = "owner"


@dataclass(frozen=True, slots=True, kw_only=True)
class Role:
    """What those who have the role may do in their tenant.

    `manages`: may invite and remove members, and give roles. `permissions` are
    "app_label.codename"; `groups` are names.
    """

    name: str
    staff: bool = False
    superuser: bool = False
    manages: bool = False
    permissions: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


def read(name: str, given: dict[str, Any]) -> Role:
    """Return the role as the settings have it; the owner manages in any case."""
    return Role(
        name=name,
        staff=bool(given.get("STAFF", False)),
        superuser=bool(given.get("SUPERUSER", False)),
        manages=bool(given.get("MANAGES", name == OWNER)),
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


def of_membership(membership: Membership) -> tuple[Role, ...]:
    """Return the roles of a member; "owner" is by `is_owner`, never by name."""
    names = [name for name in membership.roles if name != OWNER]
    if membership.is_owner:
        names.insert(0, OWNER)
    return tuple(of_names(names))
