"""Signing in at a tenant by the shared site, begun and finished in the same browser.

The tenant gives the browser a secret, in a cookie that no script reads, and sends it to
the shared site with a digest of it. What that site hands over is good for the browser
with the secret alone: nobody is logged in by a link that somebody else sends.
"""

from __future__ import annotations

import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.apps import apps
from django.core import signing
from django.db.models import Q
from django.http import HttpResponseRedirect
from django.urls import NoReverseMatch, get_script_prefix, reverse
from django.utils import timezone

from tenantry import guards
from tenantry.catalog.audit import SHARED_USER
from tenantry.conf import conf
from tenantry.context import get_tenant, override_tenant, require_tenant
from tenantry.exceptions import NotSupported
from tenantry.routing.absolute import shared_url
from tenantry.routing.prefix import prefix_in_force
from tenantry.scopes.handover import URL_NAME

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

COOKIE = "tenantry_enter"
# Browsers keep its name from other hosts, and from pages that are not encrypted.
HOST_COOKIE = f"__Host-{COOKIE}"
WAIT = timedelta(minutes=30)  # for somebody who has to log in on the shared site first
REMEMBERED_EVERY = timedelta(minutes=5)
SALT = "tenantry.enter"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a tenant asked the shared site: to hand a user over to a browser."""

    tenant: str
    at: str
    """URL of the view that receives, at the host where it began."""

    state: str
    next: str


def has_shared_site() -> bool:
    """Whether the active tenant's people may sign in by the shared site."""
    if not apps.is_installed("tenantry.users"):
        return False
    try:
        reverse(URL_NAME)
        shared_url("tenantry_authorize")
    except (NoReverseMatch, NotSupported):
        return False
    return True


def begin(request: HttpRequest, follow: str) -> HttpResponse:
    """Send the browser to the shared site, with a secret by which it is known again.

    *follow* is the path within the tenant that follows when it is back.
    """
    secret = secrets.token_urlsafe(32)
    asked = Asked(
        tenant=require_tenant().key,
        at=request.build_absolute_uri(reverse(URL_NAME)),
        state=digest(secret),
        next=follow,
    )
    with override_tenant(None):
        told = signing.dumps(asdict(asked), salt=SALT)
    query = urlencode({"state": told})
    response = HttpResponseRedirect(f"{shared_url('tenantry_authorize')}?{query}")
    name, path = cookie_of(request)
    response.set_cookie(
        name,
        secret,
        max_age=WAIT,
        path=path,
        secure=request.is_secure(),
        httponly=True,
        samesite="Lax",
    )
    response["Referrer-Policy"] = "no-referrer"
    return response


def cookie_of(request: HttpRequest) -> tuple[str, str]:
    """Return name and path of the cookie that holds the secret."""
    if request.is_secure() and not prefix_in_force():
        return HOST_COOKIE, "/"
    return COOKIE, get_script_prefix()


def digest(secret: str) -> str:
    """Return what the shared site is told of the secret."""
    return sha256(secret.encode()).hexdigest()


def read(told: str) -> Asked | None:
    """Return what a tenant asked, on the shared site; None where no tenant did."""
    try:
        return Asked(**signing.loads(told, salt=SALT, max_age=WAIT))
    except signing.BadSignature:
        return None


def state_of(request: HttpRequest) -> str:
    """Return what is known of the browser; of one that never asked, what none has."""
    secret = request.COOKIES.get(cookie_of(request)[0])
    return digest(secret or secrets.token_urlsafe(32))


def forget(request: HttpRequest, response: HttpResponse) -> None:
    """Take the secret from the browser: it was of use."""
    name, path = cookie_of(request)
    response.delete_cookie(name, path=path, samesite="Lax")
    if name == HOST_COOKIE:
        response.cookies[name]["secure"] = True  # else browsers ignore it


def remember(user: Any) -> None:
    """Remember that a shared user entered the active tenant; written seldom."""
    tenant = get_tenant()
    shared = shared_user_of(user)
    if tenant is None or shared is None:
        return
    from tenantry.users.models import Membership  # noqa: PLC0415  (needs its app)

    now = timezone.now()
    with override_tenant(None):
        old = Q(last_entered_at=None) | Q(last_entered_at__lt=now - REMEMBERED_EVERY)
        Membership._base_manager.filter(
            old, tenant__key=tenant.key, user=shared.pk
        ).update(last_entered_at=now)


def shared_user_of(user: Any) -> Any:
    """Return the shared user who is the user of the active tenant; None: nobody is."""
    if not apps.is_installed("tenantry.users"):
        return None
    shared = getattr(user, SHARED_USER, None)
    if shared is not None or guards.sides_now()[user._meta.app_label].tenants:
        return shared
    return user if isinstance(user, apps.get_model(conf.shared_user_model)) else None
