"""Who may see a page for people: those who have access to the tenant, or manage it."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import NoReverseMatch, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect

from tenantry.context import require_tenant
from tenantry.exceptions import (
    AccountExists,
    AlreadyAMember,
    InvitationRefused,
    OwnerRequired,
    PeopleError,
    UnknownRole,
)
from tenantry.users import mails
from tenantry.users.people import people_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.types import TenantRef

LOGIN, ENTER = "tenantry_login", "tenantry_enter"
# What the errors say is for developers; this is for who sees the page.
TEXTS = {
    AccountExists: "There is an account of that name or address already.",
    AlreadyAMember: "Somebody of that address is here already.",
    InvitationRefused: "That cannot be done with this invitation.",
    OwnerRequired: "There is one owner, who must have access. Transfer the ownership.",
    UnknownRole: "There is no such role.",
}


def for_people(
    view: Callable[..., HttpResponse], *, managers: bool = False
) -> Callable[..., HttpResponse]:
    """Let the people of the tenant see a page, and call it with them.

    Others are asked to sign in; who is signed in and has no access here gets a 404.
    With *managers*, who does not manage the people gets a 403.
    """

    @login_not_required  # it leads to the login by itself
    @wraps(view)
    @never_cache
    @csrf_protect
    def inner(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        people = people_of(require_tenant())
        if not request.user.is_authenticated:
            return to_login(request)
        powers = people.powers(request.user)
        if powers is None:
            raise Http404
        if managers and not powers.manages:
            raise PermissionDenied
        return view(request, people, *args, **kwargs)

    return inner


def to_login(request: HttpRequest) -> HttpResponse:
    """Lead to our page for signing in, or to the project's own, and back."""
    try:
        where = reverse(LOGIN)
    except NoReverseMatch:
        where = None
    return redirect_to_login(request.get_full_path(), where)


def entrance(tenant: TenantRef) -> str:
    """Return the tenant's URL at which a shared user comes in by the shared site."""
    try:
        return mails.link(tenant, ENTER)
    except ImproperlyConfigured:
        return mails.link(tenant, "/")


def for_managers(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Let those see a page who manage the people of the tenant."""
    return for_people(view, managers=True)


def text_of(error: PeopleError) -> str:
    """Return what the page says of the error; what is not permitted Django answers."""
    if isinstance(error, PermissionDenied):
        raise error
    found = (text for kind, text in TEXTS.items() if isinstance(error, kind))
    return next(found, "That cannot be done.")
