"""Support staff act as a user of a tenant: with a reason, for a while, on the record.

The shared site signs who may act as whom; the tenant takes that once, and opens a
session of its own. The row in the shared database says whether it still holds.
"""

from __future__ import annotations

import functools
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from asgiref.sync import iscoroutinefunction
from django.apps import apps
from django.contrib.auth import (
    get_user_model,
)
from django.core.exceptions import (
    ImproperlyConfigured,
    ObjectDoesNotExist,
    ValidationError,
)
from django.core.signing import TimestampSigner
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch
from django.utils import timezone

from tenantry import guards
from tenantry.catalog.audit import record
from tenantry.catalog.people import NAME_LENGTH, Impersonation
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import get_tenant, override_tenant
from tenantry.exceptions import (
    ImpersonationRefused,
    NotSupported,
)
from tenantry.users.counterparts import link_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.db.models import QuerySet

    from tenantry.types import HasRef, TenantRef

__all__ = [
    "PERMISSION",
    "end",
    "may_impersonate",
    "not_impersonated",
    "running",
    "start",
]

PERMISSION = "tenantry.impersonate"
ENTER = "tenantry.enter_tenants"
BEGIN_URL = "tenantry_impersonation_begin"
END_URL = "tenantry_impersonation_end"
SALT = "tenantry.impersonation"


# On the shared site.


def start(
    who: Any, tenant: TenantRef | HasRef | str, user_pk: Any, *, reason: str
) -> str:
    """Return a URL at the tenant that begins to act as its user: once, within a minute.

    *who* is the request of a shared user on the shared site, or that user. They need
    the permission `tenantry.impersonate` there. *user_pk* is the primary key of a user
    of that tenant; *reason* is recorded.

    Raises `ImpersonationRefused` with the reason, `NotSupported` where there are no
    shared users, `TenantNotFound` and `TenantUnavailable`.
    """
    staff = _staff(who)
    if not reason.strip():
        raise ImpersonationRefused("a reason is needed")
    row = registry.served(tenant)
    address = _address(row)
    with override_tenant(row.ref):
        target = user_here(user_pk)
        refuse(staff, target)
        name = str(target)[:NAME_LENGTH]
    with override_tenant(None):
        made = Impersonation.objects.create(
            tenant_key=row.key,
            user_pk=text_of(target),
            user=name,
            impersonator_pk=text_of(staff),
            impersonator=str(staff)[:NAME_LENGTH],
            reason=reason.strip(),
            expires_at=timezone.now() + timedelta(minutes=conf.impersonation_minutes),
        )
        claims = {"id": made.pk, "tenant": made.tenant_key, "user": made.user_pk}
        token = signer().sign_object(claims)
    return f"{address}?{urlencode({'token': token})}"


def may_impersonate(user: Any) -> bool:
    """Whether the user is an active shared one who may act as users of tenants."""
    model = apps.get_model(conf.shared_user_model)
    if not isinstance(user, model):
        return False
    with override_tenant(None):
        return bool(user.is_active and user.has_perm(PERMISSION))


def running() -> QuerySet[Impersonation]:
    """Return the impersonations in force; to be read with no tenant active."""
    return Impersonation.objects.filter(
        started_at__isnull=False, ended_at=None, expires_at__gt=timezone.now()
    )


def end(pk: int, *, by: Any = None) -> bool:
    """End an impersonation: its session is refused from the next request on.

    Return False where it had ended. *by* is who ends it, if not who began it.
    """
    with override_tenant(None):
        found = Impersonation.objects.filter(pk=pk).first()
        left = Impersonation.objects.filter(pk=pk, ended_at=None)
        if found is None or not left.update(ended_at=timezone.now()):
            return False
        record(
            "impersonation.ended",
            tenant=found.tenant_key,
            actor=shared_user(found.impersonator_pk) if by is None else by,
            target=found.user,
            impersonation=found.pk,
        )
    return True


def _staff(who: Any) -> Any:
    """Return who wants to act as another, of the shared site; or raise."""
    model = apps.get_model(conf.shared_user_model)
    if not guards.sides[None][model._meta.app_label].shared:
        raise NotSupported(
            "Only shared users can act as users of tenants, and this project has none: "
            f"{model._meta.label} is a model of tenants."
        )
    if get_tenant() is not None:
        raise ImpersonationRefused("it begins on the shared site")
    if isinstance(who, HttpRequest):
        if getattr(who, "impersonator", None) is not None:
            raise ImpersonationRefused("who acts as another cannot act as a third")
        who = who.user
    guards.require_object(who)
    if not (who.is_authenticated and may_impersonate(who)):
        raise ImpersonationRefused(f"the permission {PERMISSION!r} is needed")
    return who


def _address(row: Any) -> str:
    """Return the URL at the tenant that takes the token."""
    try:
        address: str = row.url(BEGIN_URL)
    except NoReverseMatch as error:
        msg = (
            f"Tenant {row.key!r} has no URL named {BEGIN_URL!r}. Add to its URLconf: "
            "path('people/', include('tenantry.users.urls'))."
        )
        raise ImproperlyConfigured(msg) from error
    return address


def user_here(pk: Any) -> Any:
    """Return the active tenant's user of that primary key."""
    model = get_user_model()
    try:
        return model._default_manager.get(pk=pk)
    except (ObjectDoesNotExist, ValueError, TypeError, ValidationError) as error:
        raise ImpersonationRefused(f"there is no user {pk!r} here") from error


def refuse(staff: Any, target: Any) -> None:
    """Raise where the user of the active tenant is none to act as.

    Whoever has rights of ours beside those of the tenant would lend them as well.
    """
    if not target.is_active:
        raise ImpersonationRefused(f"{target} is not active there")
    if guards.sides_now()[target._meta.app_label].tenants:
        if apps.is_installed("tenantry.users") and link_of(target) is not None:
            raise ImpersonationRefused(f"{target} is a shared user's own")
        return
    if target.pk == staff.pk:
        raise ImpersonationRefused("nobody needs to act as themselves")
    with override_tenant(None):
        # Anew: what it may do in the tenant may be remembered on the object.
        shared = shared_user(target.pk)
        trusted = shared is None or (
            getattr(shared, "is_staff", False)
            or shared.has_perm(PERMISSION)
            or shared.has_perm(ENTER)
        )
    if trusted:
        raise ImpersonationRefused(f"{target} is staff of the shared site")


def shared_user(pk: Any) -> Any:
    """Return the shared user of that primary key, or None; with no tenant active."""
    model = apps.get_model(conf.shared_user_model)
    return model._default_manager.filter(pk=pk).first()


def text_of(user: Any) -> str:
    return str(user._meta.pk.value_to_string(user))


def signer() -> TimestampSigner:
    """Return what signs for the shared site; to be used with no tenant active."""
    key, *older = conf.secret_keys
    return TimestampSigner(key=key, fallback_keys=older, salt=SALT)


# Views that are closed meanwhile.


def is_blocked(request: HttpRequest) -> bool:
    """Whether `IMPERSONATION_BLOCKED` has the name of the view, with or without app."""
    match = request.resolver_match
    names = () if match is None else (match.view_name, match.url_name or "")
    return END_URL not in names and any(
        fnmatchcase(name, pattern)
        for pattern in conf.impersonation_blocked
        for name in names
    )


def blocked(request: HttpRequest) -> TemplateResponse:
    """Return the page that says why this one is closed."""
    return TemplateResponse(
        request,
        "tenantry/impersonation_blocked.html",
        {"impersonator": request.impersonator},  # type: ignore[attr-defined]
        status=403,
    )


def not_impersonated(view: Callable[..., Any]) -> Callable[..., Any]:
    """Close the view, sync or async, to whoever acts as another: they get a 403."""

    def is_closed(request: HttpRequest) -> bool:
        return getattr(request, "impersonator", None) is not None

    if iscoroutinefunction(view):

        @functools.wraps(view)
        async def awaited(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
            if is_closed(request):
                return blocked(request)
            return await view(request, *args, **kwargs)

        return awaited

    @functools.wraps(view)
    def called(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        if is_closed(request):
            return blocked(request)
        return view(request, *args, **kwargs)

    return called
