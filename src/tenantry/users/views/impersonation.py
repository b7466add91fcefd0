"""Pages: to act as a user of a tenant, and to end it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseRedirect
from django.shortcuts import redirect, render
from django.urls import get_script_prefix, path
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from tenantry.conf import conf
from tenantry.context import override_tenant, require_tenant
from tenantry.exceptions import (
    ImpersonationRefused,
    NotSupported,
    TenantNotFound,
    TenantUnavailable,
)
from tenantry.users import impersonated_sessions, impersonation
from tenantry.users.impersonated_sessions import IN_SESSION, way_out
from tenantry.users.views.page import login_url

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

logger = logging.getLogger("tenantry.impersonation")

REFUSED = (ImpersonationRefused, NotSupported, TenantNotFound, TenantUnavailable)


class ImpersonateForm(forms.Form):
    """Whom to act as, where, and why."""

    tenant = forms.CharField(help_text="Its key.")
    user = forms.CharField(help_text="User name, e-mail address, or #primary-key.")
    reason = forms.CharField(widget=forms.Textarea(attrs={"rows": 3}))


@never_cache
@login_not_required  # it leads to the login by itself
def impersonate(request: HttpRequest) -> HttpResponse:
    """Show what is running, and begin another."""
    if not request.user.is_authenticated:
        return redirect_to_login(request.get_full_path(), login_url())
    if not impersonation.may_impersonate(request.user):
        raise PermissionDenied
    form = ImpersonateForm(request.POST or None, initial=request.GET.dict())
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            pk = _find(given["tenant"], given["user"])
            url = impersonation.start(
                request, given["tenant"], pk, reason=given["reason"]
            )
        except REFUSED as error:
            form.add_error(None, str(error))
        else:
            return HttpResponseRedirect(url)
    context = {
        "form": form,
        "running": impersonation.running(),
        "minutes": conf.impersonation_minutes,
    }
    return render(request, "tenantry/impersonate.html", context)


def _find(tenant: str, text: str) -> Any:
    """Return the primary key of the tenant's user that is called so."""
    if text.startswith("#"):
        return text[1:]
    model = get_user_model()
    with override_tenant(tenant):
        for field in (model.USERNAME_FIELD, model.get_email_field_name()):
            lookup = {f"{field}__iexact": text}
            found = list(model._default_manager.filter(**lookup).values("pk")[:2])
            if len(found) == 1:
                return found[0]["pk"]
    reason = f"there is not one user {text!r} at {tenant!r}"
    raise ImpersonationRefused(reason)


@require_POST
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    """End one that is running, whoever began it."""
    if not impersonation.may_impersonate(request.user):
        raise PermissionDenied
    impersonation.end(pk, by=request.user)
    return redirect("tenantry_impersonate")


@login_not_required
@never_cache
@require_GET
def begin(request: HttpRequest) -> HttpResponse:
    """Begin, at the active tenant, what the shared site has signed."""
    try:
        impersonated_sessions.begin(request, request.GET.get("token", ""))
    except ImpersonationRefused as error:
        # The visitor is not told: it may be somebody who guesses.
        logger.warning("At %r: %s", require_tenant().key, error)
        raise PermissionDenied from None
    response = HttpResponseRedirect(get_script_prefix())
    response["Referrer-Policy"] = "no-referrer"  # the token is in our URL
    return response


@never_cache
@require_POST
def end(request: HttpRequest) -> HttpResponse:
    """End what this session is for, and go back to the shared site."""
    pk = request.session.get(IN_SESSION)
    if pk is not None:
        impersonation.end(pk)
        request.session.flush()
    return HttpResponseRedirect(way_out())


of_tenants: list[URLPattern] = [
    path("impersonation/begin/", begin, name=impersonation.BEGIN_URL),
    path("impersonation/end/", end, name=impersonation.END_URL),
]
of_shared_site: list[URLPattern] = [
    path("impersonate/", impersonate, name="tenantry_impersonate"),
    path("impersonate/<int:pk>/end/", stop, name="tenantry_impersonation_stop"),
]
