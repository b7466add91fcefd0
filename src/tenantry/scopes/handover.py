"""One login for many tenants: a link that logs a shared user in at a tenant, once.

The shared site signs who may enter which tenant; the tenant sees that the link is for
it, new, and unused, and opens a session of its own. No cookie crosses hosts.
"""

from __future__ import annotations

import logging
import re
import secrets
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlencode, urlsplit

from django.apps import apps
from django.contrib.auth import (
    BACKEND_SESSION_KEY,
    get_user_model,
    load_backend,
    login,
)
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.signing import BadSignature, SignatureExpired, TimestampSigner
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import NoReverseMatch, get_script_prefix
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.module_loading import import_string
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenantry import guards
from tenantry.catalog.acting import ACTING
from tenantry.catalog.models import UsedToken
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import get_tenant, override_tenant, require_tenant
from tenantry.exceptions import NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.types import HasRef, TenantRef

__all__ = ["LIFETIME", "URL_NAME", "hand_over", "receive", "use_once"]

logger = logging.getLogger("tenantry.handover")

LIFETIME = timedelta(seconds=60)
KEPT_AFTER = timedelta(hours=1)  # clocks of several machines differ
FORGOTTEN_AT_ONCE = 100
URL_NAME = "tenantry_receive"
SALT = "tenantry.handover"
CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def hand_over(
    who: Any,
    tenant: TenantRef | HasRef | str,
    *,
    next: str = "/",  # noqa: A002  (Django's name for it)
    state: str = "",
    at: str = "",
) -> str:
    """Return a URL at the tenant that logs the user in there: once, within a minute.

    *who* is the request of the logged-in user, or the user, who must be a shared one.
    *next* is the path within the tenant that follows. With *state*, only the browser
    of which the tenant knows it is let in; without, whoever opens the URL first. *at*
    is the URL of the tenant's view `receive`; unless given, it is found by its name,
    `tenantry_receive`, at the tenant's primary address.

    Raises `PermissionDenied` for a user who is not logged in or not active, or as whom
    somebody else acts, `NotSupported` for a user who is a tenant's own,
    `TenantNotFound` and `TenantUnavailable`.
    """
    user, backend = _user_and_backend(who)
    row = registry.served(tenant)
    claims = {
        "id": secrets.token_urlsafe(16),
        "tenant": row.key,
        "user": user._meta.pk.value_to_string(user),
        "backend": backend,
        "next": next,
        "state": state,
        "host": urlsplit(at).netloc,
    }
    address = at or _address(row)
    with override_tenant(None):
        token = _signer().sign_object(claims)
    return f"{address}?{urlencode({'token': token})}"


def _address(row: Any) -> str:
    """Return the URL of the view `receive` at the tenant's primary address."""
    try:
        return str(row.url(URL_NAME))
    except NoReverseMatch as error:
        msg = (
            f"Tenant {row.key!r} has no URL named {URL_NAME!r}. Add to its URLconf: "
            f"path('enter/', tenantry.scopes.handover.receive, name={URL_NAME!r})."
        )
        raise ImproperlyConfigured(msg) from error


@never_cache
@require_GET
def receive(
    request: HttpRequest,
    find_user: Callable[[Any, HttpRequest], Any] | str | None = None,
    state: str = "",
) -> HttpResponse:
    """Log in, at the active tenant, the user that the shared site has handed over.

    *find_user*, a function or its path, is called with the shared user and the request,
    the tenant being active, and returns the user who logs in, or None. Needed where
    users are the tenant's own; elsewhere a place to see whether the user may enter.
    *state* is what the tenant knows of this browser: what was handed over with another,
    or with one while this is empty, is refused.

    Refuses with 403 what is not meant for this tenant, too old, used or not ours.
    """
    tenant = require_tenant()
    try:
        claims = _claims(request, tenant, state)
        found = _user(claims, request, find_user)
    except _Refused as reason:
        # The visitor is not told: it may be somebody who guesses.
        msg = "A login handed over to %r was refused: %s."
        logger.warning(msg, tenant.key, reason)
        raise PermissionDenied from None
    login(request, found, backend=getattr(found, "backend", claims["backend"]))
    response = HttpResponseRedirect(_within_tenant(claims["next"]))
    response["Referrer-Policy"] = "no-referrer"  # the token is in our URL
    return response


class Hooks:
    """What the floor of users lends to this one, set when Django's apps are ready."""

    find_own_user: Callable[[Any, TenantRef], Any] | None = None


class _Refused(Exception):
    """Why a login is not let in."""


def use_once(token: str, *, until: datetime) -> bool:
    """Record the token as used; return False where it was already, by whomever.

    One of any number that try at once gets True: the row in the shared database is
    unique. *until* is when the token is worthless anyway.
    """
    with override_tenant(None):
        _forget_used()
        digest = sha256(token.encode()).hexdigest()
        try:
            with transaction.atomic():
                UsedToken.objects.create(digest=digest, expires_at=until)
        except IntegrityError:
            return False
    return True


def _forget_used() -> None:
    """Remove some of those that are worthless; by key, so that nobody waits for us."""
    old = UsedToken.objects.filter(expires_at__lt=timezone.now() - KEPT_AFTER)
    digests = list(old.values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    if digests:
        UsedToken.objects.filter(pk__in=digests).delete()


def _signer() -> TimestampSigner:
    """Return what signs for the shared site; to be used with no tenant active."""
    key, *older = conf.secret_keys
    return TimestampSigner(key=key, fallback_keys=older, salt=SALT)


def _user_and_backend(who: Any) -> tuple[Any, str]:
    """Return the user to hand over, and the backend by which they logged in."""
    user, backend = who, getattr(who, "backend", None)
    if ACTING.get() is not None:
        msg = "Who acts as another stays in that tenant: the user can enter others."
        raise PermissionDenied(msg)
    if isinstance(who, HttpRequest):
        user = who.user
        backend = who.session.get(BACKEND_SESSION_KEY)
    is_somebody = user.is_authenticated and user.pk is not None
    if not (is_somebody and getattr(user, "is_active", True)):
        msg = "Only a user who is logged in and active can be handed over to a tenant."
        raise PermissionDenied(msg)
    guards.require_object(user)
    tenant = get_tenant()
    if tenant is not None and guards.sides_now()[user._meta.app_label].tenants:
        msg = (
            f"A user of tenant {tenant.key!r} is nobody elsewhere: only shared users "
            "can be handed over, by the shared site."
        )
        raise NotSupported(msg)
    return user, backend or conf.authentication_backends[0]


def _claims(request: HttpRequest, tenant: TenantRef, state: str) -> dict[str, Any]:
    """Return what the token says, where it is for this tenant, new and unused."""
    token = request.GET.get("token", "")
    with override_tenant(None):
        try:
            claims: dict[str, Any] = _signer().unsign_object(token, max_age=LIFETIME)
        except SignatureExpired as error:
            raise _Refused("the link is too old") from error
        except BadSignature as error:
            raise _Refused("the token is missing, or not ours") from error
    if claims["tenant"] != tenant.key:
        msg = f"the link is for {claims['tenant']!r}"
        raise _Refused(msg)
    if claims["host"] not in ("", request.get_host()):
        msg = f"the link is for the host {claims['host']!r}"
        raise _Refused(msg)
    until = timezone.now() + LIFETIME
    if not use_once(f"{SALT}:{claims['id']}", until=until):
        raise _Refused("the link was used before")
    # Only now: whoever asked for it from elsewhere shall not find it good still.
    if not constant_time_compare(claims["state"], state):
        raise _Refused("the link is for another browser")
    return claims


def _user(claims: dict[str, Any], request: HttpRequest, find_user: Any) -> Any:
    """Return the user who logs in; raise `_Refused` where there is none."""
    if claims["backend"] not in conf.authentication_backends:
        msg = f"{claims['backend']!r} is not in AUTHENTICATION_BACKENDS"
        raise _Refused(msg)
    found = _user_here(claims, request, find_user)
    if found is None:
        raise _Refused("the user is not known here")
    if not getattr(found, "is_active", True):
        raise _Refused("the user is not active")
    return found


def _user_here(claims: dict[str, Any], request: HttpRequest, find_user: Any) -> Any:
    """Return the tenant's user for the shared one, or None."""
    model = apps.get_model(conf.shared_user_model)
    with override_tenant(None):
        pk = model._meta.pk.to_python(claims["user"])
        shared = load_backend(claims["backend"]).get_user(pk)
    if find_user is not None and shared is not None:
        find = import_string(find_user) if isinstance(find_user, str) else find_user
        return find(shared, request)
    if not guards.sides_now()[get_user_model()._meta.app_label].tenants:
        return shared
    if Hooks.find_own_user is None:
        msg = (
            "Tenants have users of their own: install `tenantry.users`, or give "
            "`receive` a function `find_user` that returns the tenant's user for a "
            "shared one."
        )
        raise ImproperlyConfigured(msg)
    return None if shared is None else Hooks.find_own_user(shared, require_tenant())


def _within_tenant(path: str) -> str:
    """Return the path where it stays within the tenant; else its first page."""
    prefix = get_script_prefix().rstrip("/")
    within = not prefix or path == prefix or path.startswith(f"{prefix}/")
    whole = path if within else prefix + path
    return whole if _is_path(path, whole) else f"{prefix}/"


def _is_path(path: str, whole: str) -> bool:
    """Whether it is a path, and one that leads nowhere else.

    A prefix may be all that parts two tenants, so there is no ".." in any disguise.
    """
    if path[:1] != "/" or path[1:2] in ("/", "\\") or CONTROL.search(path):
        return False
    if not url_has_allowed_host_and_scheme(whole, allowed_hosts=None):
        return False
    return ".." not in unquote(urlsplit(path).path).replace("\\", "/").split("/")
