"""Memberships as rows: whose they are, what they give, and who is no member."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

from tenantry.catalog.audit import SHARED_USER
from tenantry.conf import conf
from tenantry.exceptions import NotSupported
from tenantry.types import LABEL_PREFIX
from tenantry.users.base import INACTIVE, Person, email_of, name_of
from tenantry.users.roles import Role, merged, of_membership

if TYPE_CHECKING:
    from tenantry.users.models import Membership

MEMBERSHIP: str = "tenantry_users.Membership"


def has_members() -> bool:
    """Whether shared users can be members of tenants."""
    return apps.is_installed("tenantry.users")


def membership_model() -> Any:
    """Return the model of memberships; raise `NotSupported` where there are none."""
    if not has_members():
        msg = (
            "Without 'tenantry.users' in INSTALLED_APPS shared users are members of no "
            "tenant. Add it, and run `manage.py migrate`."
        )
        raise NotSupported(msg)
    return apps.get_model(MEMBERSHIP)


def is_shared(user: Any) -> bool:
    """Whether it is a shared user, and no tenant's own one or an anonymous one."""
    model = apps.get_model(conf.shared_user_model)
    if not isinstance(user, model):
        return False
    # A shared model's objects may bear the label of the tenant they were read in.
    own_too = conf.in_tenants(model._meta.app_label)
    return not (own_too and str(user._state.db or "").startswith(LABEL_PREFIX))


def shared_self(user: Any) -> Any:
    """Return the shared user who works in a tenant as this one; else the user."""
    return getattr(user, SHARED_USER, user)


def powers_of(row: Membership) -> Role:
    """Return all that the membership gives, as one role."""
    labels = row.permissions.values_list("content_type__app_label", "codename")
    more = Role(
        name="",
        permissions=tuple(f"{app}.{codename}" for app, codename in labels),
        groups=tuple(row.groups.values_list("name", flat=True)),
    )
    return merged([*of_membership(row), more])


def person_of(row: Membership) -> Person:
    """Return the member; call it with no tenant active."""
    return Person(
        user_pk=str(row.user.pk),
        user=row.user,
        name=name_of(row.user),
        email=email_of(row.user),
        roles=tuple(row.roles),
        is_owner=row.is_owner,
        manages=merged(of_membership(row)).manages,
        state=row.state if row.user.is_active else INACTIVE,
        joined_at=row.joined_at,
    )
