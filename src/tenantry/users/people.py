"""The people of a tenant: who is there, and the acts that let in, change and remove.

    from tenantry.users.people import people_of

    people = people_of(tenant)
    people.add(user, "admin", by=request.user)

The same whether they are shared users who are members, or users of the tenant's own.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps

from tenantry.conf import conf
from tenantry.guards import sides
from tenantry.types import TenantRef
from tenantry.users.base import People, Person
from tenantry.users.confined import ConfinedPeople
from tenantry.users.shared import SharedPeople

if TYPE_CHECKING:
    from tenantry.types import HasRef

__all__ = [
    "ConfinedPeople",
    "People",
    "Person",
    "SharedPeople",
    "are_confined",
    "members_of",
    "people_of",
]


def people_of(tenant: HasRef | TenantRef) -> People:
    """Return the people of a tenant: its own users where its kind has any.

    Otherwise its members among the shared users. Where a tenant has both, `members_of`
    are the others.
    """
    ref = as_ref(tenant)
    return ConfinedPeople(ref) if are_confined(ref) else SharedPeople(ref)


def members_of(tenant: HasRef | TenantRef) -> SharedPeople:
    """Return the members of a tenant: shared users, also where it has its own."""
    ref = as_ref(tenant)
    beside = ConfinedPeople(ref) if are_confined(ref) else None
    return SharedPeople(ref, beside=beside)


def are_confined(tenant: TenantRef) -> bool:
    """Whether the tenant has users of its own."""
    label = apps.get_model(conf.auth_user_model)._meta.app_label
    return sides[tenant.kind][label].tenants


def as_ref(tenant: HasRef | TenantRef) -> TenantRef:
    """Return the frozen value of a tenant."""
    return tenant if isinstance(tenant, TenantRef) else tenant.ref
