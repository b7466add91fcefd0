"""Keeps counterparts in the hands of their shared users, whoever writes to their rows.

Receivers of signals, connected where `tenantry.users` is installed.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models.signals import post_delete, post_save, pre_save

from tenantry.catalog.audit import SHARED_USER, record
from tenantry.catalog.models import State
from tenantry.context import get_tenant, override_tenant
from tenantry.exceptions import TenantryError
from tenantry.users.accounts import has_field
from tenantry.users.counterparts import (
    MARK,
    NOWHERE,
    TOLD,
    link_of,
    session_hash,
)

logger = logging.getLogger("tenantry.users")


def connect() -> None:
    """Listen to what is done with users, sessions and links."""
    from tenantry.users.models import Counterpart  # noqa: PLC0415  (apps are ready)

    user_logged_in.connect(stamp, dispatch_uid="tenantry.users.stamp")
    model = get_user_model()
    pre_save.connect(keep, sender=model, dispatch_uid="tenantry.users.keep")
    post_save.connect(revive, sender=model, dispatch_uid="tenantry.users.revive")
    post_delete.connect(retire, sender=Counterpart, dispatch_uid="tenantry.users.gone")


def stamp(request: Any, user: Any, **_: object) -> None:
    """Write in a counterpart's session whose it is.

    Raises `PermissionDenied`, the session being ended, where a counterpart is signed in
    by another door than the shared site's.
    """
    shared = getattr(user, SHARED_USER, None)
    if shared is not None:
        pk = shared._meta.pk.value_to_string(shared)
        with override_tenant(None):
            request.session[TOLD] = [pk, session_hash(shared)]
    elif is_counterpart(user):
        request.session.flush()
        record("user.sign_in_refused", actor="", target=user)
        msg = f"{user} is shared staff, who sign in on the shared site only."
        raise PermissionDenied(msg)


def is_counterpart(user: Any) -> bool:
    """Whether a shared user works in the active tenant as this one.

    Asks the database only where the name may be a counterpart's.
    """
    name = str(user.get_username())
    may_be = MARK in name or name.endswith(f"@{NOWHERE}")
    return may_be and link_of(user) is not None


def keep(
    instance: Any, *, raw: bool = False, update_fields: Any = None, **_: object
) -> None:
    """Let no counterpart become an account that somebody can sign in to.

    Raises `PermissionDenied` for a password, for another name and for making it active.
    """
    if raw or instance._state.adding or get_tenant() is None:
        return
    if getattr(instance, SHARED_USER, None) is not None and _has_is_active(instance):
        instance.is_active = False  # alive in its session, and not in its row
    touched = {"password", "is_active", instance.USERNAME_FIELD}
    if update_fields is not None and touched.isdisjoint(update_fields):
        return
    link = link_of(instance)
    if link is None:
        return
    is_active = _has_is_active(instance) and instance.is_active
    is_renamed = instance.get_username() != link.local_name
    if is_active or is_renamed or instance.has_usable_password():
        msg = (
            f"{link.local_name} is shared staff: its name, its password and whether it "
            "is active are not the tenant's to change."
        )
        raise PermissionDenied(msg)


def revive(instance: Any, **_: object) -> None:
    """Let a counterpart be alive again in its session, after its row was saved."""
    if getattr(instance, SHARED_USER, None) is not None and _has_is_active(instance):
        instance.is_active = True


def retire(instance: Any, **_: object) -> None:
    """Take the rights from the user of a link that is deleted, when that is certain."""
    if instance.local_pk is None or instance.tenant.state == State.DROPPING:
        return
    key, pk, name = instance.tenant.key, instance.local_pk, instance.local_name
    with override_tenant(None):
        transaction.on_commit(partial(_take_rights, key, pk, name))


def _take_rights(key: str, pk: str, name: str) -> None:
    """Leave the row, as others refer to it: inactive, without a password or a right."""
    from tenantry.users.rights import NO_RIGHTS, give  # noqa: PLC0415  (has models)

    model = get_user_model()
    try:
        with override_tenant(key):
            rows = model._base_manager.filter(**{"pk": pk, model.USERNAME_FIELD: name})
            for local in rows:
                give(local, NO_RIGHTS)
    except TenantryError as error:
        logger.warning("The rights of %s in %r are left: %s", name, key, error)


def _has_is_active(instance: Any) -> bool:
    return has_field(instance, "is_active")
