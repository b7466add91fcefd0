"""As whom shared users work in tenants that have users of their own.

A tenant's rows can refer to its own users only, so each shared user who enters gets one
there: the counterpart. Its row is never active and has no password; it comes to life in
the sessions that the shared site has handed over, while the shared user may enter.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    SESSION_KEY,
    get_user_model,
)
from django.db import models, transaction
from django.utils.crypto import constant_time_compare

from tenantry import guards
from tenantry.catalog.audit import SHARED_USER
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import as_ref, get_tenant, override_tenant
from tenantry.exceptions import MayNotEnter, WrongTenant
from tenantry.users.accounts import has_field

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenantry.types import HasRef, TenantRef

__all__ = ["BACKEND", "PERMISSION", "counterpart", "may_enter", "still_allowed"]

BACKEND = "tenantry.users.shared_backend.SharedUserBackend"
PERMISSION = "tenantry.enter_tenants"
# In the session of a counterpart: the shared user's primary key and session hash, which
# is another after a new password and after signing out everywhere.
TOLD = "_tenantry_shared_user"
# In names of counterparts, and in none that Django's forms take.
MARK = "~"
NOWHERE = "counterpart.invalid"


def may_enter(user: Any, tenant: TenantRef | HasRef | str) -> bool:
    """Whether the shared user may work in the tenant.

    So may active members, and where tenants have users of their own also superusers of
    the shared site and who has the permission `tenantry.enter_tenants` there. A
    tenant's own user never may.
    """
    ref = as_ref(tenant)
    if ref is None or not is_shared(user):
        return False
    with override_tenant(None):
        if not user.is_active:
            return False
        if has_own_users(ref) and user.has_perm(PERMISSION):
            return True
        return _is_member(user, ref)


def counterpart(user: Any, tenant: TenantRef | HasRef | str) -> Any:
    """Return the tenant's user as whom the shared one works there, made if need be.

    It has the rights of the roles that the shared user has there now, and no others; it
    is active in the sessions of that user alone. Raises `MayNotEnter`.
    """
    ref = as_ref(tenant)
    if ref is None or not has_own_users(ref) or not may_enter(user, ref):
        raise MayNotEnter(str(user), "" if ref is None else ref.key)
    with override_tenant(None):
        link, _ = _links().get_or_create(tenant_id=_tenant_pk(ref), user_id=user.pk)
        local = _local(link, ref) or _made(link, user, ref)
    with override_tenant(ref):
        _close(local)
    _bring_up(link, local, ref, force=True)
    return _alive(local, user)


def still_allowed(request: HttpRequest) -> bool:
    """Whether the session may go on, as far as a shared user's right to enter goes.

    False for a counterpart's whose shared user may not enter any more, changed the
    password, or signed out everywhere. True for everybody else's, without a query.
    """
    told = request.session.get(TOLD)
    ref = get_tenant()
    if told is None or ref is None:
        return request.session.get(BACKEND_SESSION_KEY) != BACKEND or ref is None
    pk, digest = told
    with override_tenant(None):
        link = (
            _links()
            .filter(tenant__key=ref.key, user_id=pk)
            .select_related("user")
            .first()
        )
        return (
            link is not None
            and link.local_pk == request.session.get(SESSION_KEY)
            and constant_time_compare(digest, session_hash(link.user))
            and may_enter(link.user, ref)
        )


def load(pk: Any) -> Any:
    """Return the active tenant's counterpart of that primary key, alive; or None.

    Roles that were given or revoked meanwhile are in force with it.
    """
    ref = get_tenant()
    if ref is None or not has_own_users(ref):
        return None
    with override_tenant(None):
        links = _links().filter(tenant__key=ref.key, local_pk=str(pk))
        link = links.select_related("user").first()
        if link is None or not may_enter(link.user, ref):
            return None
        local = _local(link, ref)
    if local is None:
        return None
    _bring_up(link, local, ref)
    return _alive(local, link.user)


def find_own_user(user: Any, tenant: TenantRef) -> Any:
    """Return as whom a handed-over shared user is signed in; None: they may not be."""
    try:
        return counterpart(user, tenant)
    except MayNotEnter:
        return None


def is_shared(user: Any) -> bool:
    """Whether it is a saved user of the shared site, and no tenant's own."""
    model = apps.get_model(conf.shared_user_model)
    if not isinstance(user, model) or user._state.adding:
        return False
    with override_tenant(None):
        try:
            guards.require_object(user)
        except WrongTenant:
            return False
    return True


def has_own_users(tenant: TenantRef) -> bool:
    """Whether the tenant has users of its own, beside shared ones."""
    installed = apps.is_installed("tenantry.users")
    return installed and guards.have_own_users(tenant.kind)


def session_hash(user: Any) -> str:
    """Return what the shared user's sessions end with; no tenant is active."""
    found = getattr(user, "get_session_auth_hash", str)
    return str(found())


def link_of(local: Any) -> Any:
    """Return what ties the active tenant's user to a shared one, or None."""
    ref = get_tenant()
    if ref is None or not isinstance(local, get_user_model()):
        return None
    pk = local._meta.pk.value_to_string(local)
    with override_tenant(None):
        return _links().filter(tenant__key=ref.key, local_pk=pk).first()


def _model(name: str) -> Any:
    return apps.get_app_config("tenantry_users").get_model(name)


def _links() -> Any:
    return _model("Counterpart")._base_manager


def _is_member(user: Any, ref: TenantRef) -> bool:
    if not apps.is_installed("tenantry.users"):
        return False
    memberships = _model("Membership")._base_manager
    found = memberships.filter(tenant__key=ref.key, user=user.pk, state="active")
    return bool(found.exists())


def _tenant_pk(ref: TenantRef) -> Any:
    rows = registry.tenant_model._base_manager.filter(key=ref.key)
    return rows.values_list("pk", flat=True).get()


def _local(link: Any, ref: TenantRef) -> Any:
    """Return the user that was made for the link, and is still what it was.

    One of the same name alone, or of the same primary key alone, is somebody else.
    """
    if link.local_pk is None:
        return None
    model = get_user_model()
    with override_tenant(ref):
        return model._base_manager.filter(
            **{"pk": link.local_pk, model.USERNAME_FIELD: link.local_name}
        ).first()


def _made(link: Any, user: Any, ref: TenantRef) -> Any:
    """Return a new user for the link; of several made at once, the first."""
    with override_tenant(ref):
        local = _new(user)
        pk = local._meta.pk.value_to_string(local)
    mine = _links().filter(pk=link.pk, local_pk=link.local_pk)
    if mine.update(local_pk=pk, local_name=local.get_username()):
        link.local_pk, link.local_name = pk, local.get_username()
        return local
    with override_tenant(ref):
        local.delete()
    with transaction.atomic():  # as it is now, not as the transaction began
        now = _links().select_for_update().get(pk=link.pk)
    link.local_pk, link.local_name = now.local_pk, now.local_name
    return _local(link, ref)


def _new(user: Any) -> Any:
    """Make a user whom nobody can sign in as, under a name that nobody can have."""
    model = get_user_model()
    token = secrets.token_hex(8)
    nowhere = f"{token}@{NOWHERE}"
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        is_email = isinstance(field, models.EmailField)
        if field.name == model.USERNAME_FIELD and not is_email:
            most = (field.max_length or 150) - len(token) - len(MARK)
            values[field.name] = f"{user.get_username()[:most]}{MARK}{token}"
        elif is_email and (field.unique or field.name == model.USERNAME_FIELD):
            values[field.name] = nowhere
    local = model(**values)
    _shut(local)
    local.save(force_insert=True)
    return local


def _shut(local: Any) -> list[str]:
    """Take password and activity from the user; return the fields that changed."""
    changed = []
    if local.has_usable_password():
        local.set_unusable_password()
        changed.append("password")
    if has_field(local, "is_active") and local.is_active:
        local.is_active = False
        changed.append("is_active")
    return changed


def _close(local: Any) -> None:
    """Undo what was written past the signals."""
    changed = _shut(local)
    if changed:
        local.save(update_fields=changed)


def _bring_up(link: Any, local: Any, ref: TenantRef, *, force: bool = False) -> None:
    """Give the user what the roles give now, and take away all else."""
    from tenantry.users import rights  # noqa: PLC0415  (has models)

    given = rights.rights_of(link.user_id, ref)
    now = rights.as_json(given)
    if not force and link.granted == now and rights.has_flags(local, given):
        return
    with override_tenant(ref):
        rights.give(local, given)
    with override_tenant(None):
        _links().filter(pk=link.pk).update(granted=now)


def _alive(local: Any, user: Any) -> Any:
    """Return the user as it is in the sessions of the shared one."""
    setattr(local, SHARED_USER, user)
    if has_field(local, "is_active"):
        local.is_active = True
    local.backend = BACKEND
    return local
