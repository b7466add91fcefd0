"""Pages: logging in and out, at a tenant, on the shared site, from this to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import global_settings, settings
from django.contrib.auth import views as auth_views
from django.contrib.auth.decorators import login_not_required, login_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponseRedirect
from django.shortcuts import render
from django.urls import (
    NoReverseMatch,
    get_script_prefix,
    path,
    reverse,
    reverse_lazy,
)
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from tenantry.catalog.models import State
from tenantry.context import get_tenant, override_tenant
from tenantry.exceptions import NotSupported, TenantNotFound, TenantUnavailable
from tenantry.scopes import handover
from tenantry.users import entry
from tenantry.users.counterparts import may_enter
from tenantry.users.login import LoginForm, can_reset_passwords
from tenantry.users.members import memberships_of
from tenantry.users.sign_out import sign_out_everywhere
from tenantry.users.views import passwords

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

LOGIN = reverse_lazy("tenantry_login")
NOWHERE = "There is no such tenant."
REDIRECTED = 302


class Login(auth_views.LoginView):
    """Logs in with a password: at a tenant its people, elsewhere shared users."""

    template_name = "tenantry/login.html"
    authentication_form = LoginForm

    def form_valid(self, form: Any) -> HttpResponse:
        """Log in, and remember the tenant."""
        response = super().form_valid(form)
        entry.remember(form.get_user())
        return response

    def get_default_redirect_url(self) -> str:
        """Return what follows: LOGIN_REDIRECT_URL; on the shared site, my tenants."""
        if get_tenant() is None:
            return reverse("tenantry_tenants")
        if settings.LOGIN_REDIRECT_URL == global_settings.LOGIN_REDIRECT_URL:
            return get_script_prefix()  # nobody chose one
        return super().get_default_redirect_url()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add which other pages can be linked to from here."""
        by_shared_site = get_tenant() is not None and entry.has_shared_site()
        return super().get_context_data(
            by_shared_site=by_shared_site,
            can_reset_passwords=can_reset_passwords(),
            **kwargs,
        )


class Logout(auth_views.LogoutView):
    """Logs out of this place, in this browser."""

    template_name = "tenantry/logged_out.html"


class LogoutEverywhere(Logout):
    """Ends all sessions of the user, and not in this browser alone."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign out everywhere, then here."""
        if request.user.is_authenticated:
            sign_out_everywhere(request.user)
        return super().post(request, *args, **kwargs)


@never_cache
@login_not_required
@require_GET
def enter(request: HttpRequest) -> HttpResponse:
    """Send the visitor of a tenant to the shared site, to be handed over by it."""
    if not entry.has_shared_site():
        raise Http404(NOWHERE)
    return entry.begin(request, request.GET.get("next", ""))


@never_cache
@login_not_required
@require_GET
def authorize(request: HttpRequest) -> HttpResponse:
    """Hand the user of the shared site over to the tenant that asked.

    Who may not enter is answered as if there were no such tenant; who is not logged in
    is asked to first, whatever the question was.
    """
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), str(LOGIN))
    asked = entry.read(request.GET.get("state", ""))
    try:
        if asked is None or not may_enter(request.user, asked.tenant):
            raise Http404(NOWHERE)
        url = handover.hand_over(
            request, asked.tenant, next=asked.next, state=asked.state, at=asked.at
        )
    except (PermissionDenied, TenantNotFound, TenantUnavailable) as error:
        raise Http404(NOWHERE) from error
    response = HttpResponseRedirect(url)
    response["Referrer-Policy"] = "no-referrer"
    return response


@login_not_required
def receive(request: HttpRequest) -> HttpResponse:
    """Log in whom the shared site hands over, in the browser that asked for it."""
    response = handover.receive(request, state=entry.state_of(request))
    if response.status_code == REDIRECTED:
        entry.forget(request, response)
        entry.remember(request.user)
    return response


@never_cache
@login_required(login_url=LOGIN)
def tenants(request: HttpRequest) -> HttpResponse:
    """Show the tenants of the user, the last entered first, each with a way in."""
    with override_tenant(None):
        found = memberships_of(request.user).filter(
            state="active", tenant__state=State.ACTIVE
        )
        rows = [{"tenant": each.tenant, "url": way_into(each.tenant)} for each in found]
    return render(request, "tenantry/tenants.html", {"tenants": rows})


def way_into(tenant: Any) -> str:
    """Return the URL by which a browser enters the tenant; empty if it has none."""
    try:
        return str(tenant.url("tenantry_enter"))
    except (NoReverseMatch, NotSupported):
        return ""


of_both: list[URLPattern] = [
    path("login/", Login.as_view(), name="tenantry_login"),
    path("logout/", Logout.as_view(), name="tenantry_logout"),
    path(
        "logout/everywhere/",
        LogoutEverywhere.as_view(),
        name="tenantry_logout_everywhere",
    ),
    *passwords.pages,
]
of_tenants: list[URLPattern] = [
    *of_both,
    path("enter/", enter, name="tenantry_enter"),
    path("receive/", receive, name=handover.URL_NAME),
]
of_shared_site: list[URLPattern] = [
    *of_both,
    path("tenants/", tenants, name="tenantry_tenants"),
    path("authorize/", authorize, name="tenantry_authorize"),
]
