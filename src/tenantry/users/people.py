"""The people of a tenant: who is there, and the acts that let in, change and remove.

    from tenantry.users.people import people_of

    people = people_of(tenant)
    people.add(user, "admin", by=request.user)

The same whether they are shared users who are members, or users of the tenant's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.context import as_ref
from tenantry.exceptions import NoActiveTenant
from tenantry.guards import have_own_users
from tenantry.users.base import People, Person
from tenantry.users.confined import ConfinedPeople
from tenantry.users.shared import SharedPeople

if TYPE_CHECKING:
    from tenantry.types import HasRef, TenantRef

__all__ = [
    "ConfinedPeople",
    "People",
    "Person",
    "SharedPeople",
    "are_confined",
    "members_of",
    "people_of",
]


def people_of(tenant: HasRef | TenantRef | str) -> People:
    """Return the people of a tenant: its own users where its kind has any.

    Otherwise its members among the shared users. Where a tenant has both, `members_of`
    are the others.
    """
    ref = _named(tenant)
    return ConfinedPeople(ref) if are_confined(ref) else SharedPeople(ref)


def members_of(tenant: HasRef | TenantRef | str) -> SharedPeople:
    """Return the members of a tenant: shared users, also where it has its own."""
    ref = _named(tenant)
    beside = ConfinedPeople(ref) if are_confined(ref) else None
    return SharedPeople(ref, beside=beside)


def are_confined(tenant: TenantRef) -> bool:
    """Whether the tenant has users of its own."""
    return have_own_users(tenant.kind)


def _named(tenant: HasRef | TenantRef | str) -> TenantRef:
    """Return the frozen value of a tenant; raise `NoActiveTenant` for none."""
    ref = as_ref(tenant)
    if ref is None:
        raise NoActiveTenant
    return ref
