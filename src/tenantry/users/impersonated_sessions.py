"""The session at a tenant in which somebody acts as its user."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    HASH_SESSION_KEY,
    SESSION_KEY,
    load_backend,
)
from django.core.signing import BadSignature
from django.middleware.csrf import rotate_token
from django.urls import NoReverseMatch, get_script_prefix
from django.utils import timezone

from tenantry.catalog.acting import Acting, Impersonator
from tenantry.catalog.audit import record
from tenantry.catalog.people import Impersonation
from tenantry.conf import conf
from tenantry.context import get_tenant, override_tenant, require_tenant
from tenantry.exceptions import ImpersonationRefused, NotSupported
from tenantry.routing.absolute import shared_url
from tenantry.users.impersonation import (
    may_impersonate,
    refuse,
    running,
    shared_user,
    signer,
    text_of,
    user_here,
)

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenantry.types import TenantRef

TOKEN_LIFETIME = timedelta(seconds=60)
IN_SESSION = "_tenantry_impersonation"


def begin(request: HttpRequest, token: str) -> None:
    """Open the session of the impersonation that the token is for, at its tenant.

    Nobody has logged in: `last_login` stays, and `user_logged_in` is not sent. Raises
    `ImpersonationRefused`; of any number who try the same token, one succeeds.
    """
    tenant = require_tenant()
    if getattr(request, "impersonator", None) is not None:
        raise ImpersonationRefused("who acts as another cannot act as a third")
    found = _claim(token, tenant)
    with override_tenant(None):
        staff = shared_user(found.impersonator_pk)
        if staff is None or not may_impersonate(staff):
            raise ImpersonationRefused(f"{found.impersonator} may not any more")
    user = user_here(found.user_pk)
    refuse(staff, user)
    _open_session(request, user, found)
    record(
        "impersonation.started",
        tenant=tenant,
        actor=staff,
        target=found.user,
        impersonation=found.pk,
        reason=found.reason,
        until=found.expires_at.isoformat(),
    )


def _claim(token: str, tenant: TenantRef) -> Impersonation:
    """Return the impersonation that the token begins here, now begun."""
    with override_tenant(None):
        try:
            claims = signer().unsign_object(token, max_age=TOKEN_LIFETIME)
        except BadSignature as error:
            raise ImpersonationRefused("the link is too old, or not ours") from error
        if claims["tenant"] != tenant.key:
            raise ImpersonationRefused(f"the link is for {claims['tenant']!r}")
        now = timezone.now()
        fresh = Impersonation.objects.filter(
            pk=claims["id"],
            tenant_key=tenant.key,
            user_pk=claims["user"],
            started_at=None,
            ended_at=None,
            expires_at__gt=now,
        )
        if not fresh.update(started_at=now):  # one statement: one of many gets it
            raise ImpersonationRefused("the link was used before")
        return Impersonation.objects.get(pk=claims["id"])


def _open_session(request: HttpRequest, user: Any, found: Impersonation) -> None:
    """Make the session anew, as the user's, until the impersonation expires."""
    request.session.flush()
    request.session[SESSION_KEY] = text_of(user)
    request.session[BACKEND_SESSION_KEY] = _backend_of(user)
    if hasattr(user, "get_session_auth_hash"):
        request.session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    request.session[IN_SESSION] = found.pk
    request.session.set_expiry(found.expires_at)
    request.user = user
    rotate_token(request)


def _backend_of(user: Any) -> str:
    """Return the authentication backend by which the user is found again."""
    path: str
    for path in conf.authentication_backends:
        get_user = getattr(load_backend(path), "get_user", None)
        if get_user is not None and get_user(user.pk) == user:
            return path
    raise ImpersonationRefused(f"no authentication backend finds {user}")


def of_session(request: HttpRequest) -> Acting | None:
    """Return the impersonation that the session is for, where it still holds.

    Asks each time: it may have ended or expired, the user be inactive, the impersonator
    too, or not be permitted any more.
    """
    tenant = get_tenant()
    pk: int = request.session.get(IN_SESSION, 0)
    if tenant is None or not request.user.is_authenticated:
        return None
    with override_tenant(None):
        found = running().filter(pk=pk, tenant_key=tenant.key).first()
        if found is None:
            return None
        staff = shared_user(found.impersonator_pk)
        if staff is None or not may_impersonate(staff):
            return None
    if text_of(request.user) != found.user_pk:
        return None
    return Acting(
        pk=found.pk,
        tenant=tenant,
        user=request.user,
        impersonator=Impersonator(pk=found.impersonator_pk, name=found.impersonator),
        expires_at=found.expires_at,
    )


def way_out() -> str:
    """Return where somebody goes who acts as another no more: the shared site."""
    try:
        return shared_url("tenantry_impersonate")
    except (NoReverseMatch, NotSupported):  # it has no such page, or no host
        return get_script_prefix()
