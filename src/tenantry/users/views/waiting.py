"""Page: waiting for the tenant that one has signed up for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature
from django.db import transaction
from django.http import Http404, HttpResponseRedirect
from django.urls import NoReverseMatch, path, reverse
from django.utils.decorators import method_decorator

from tenantry.exceptions import NotSupported
from tenantry.guards import have_own_users
from tenantry.users import waiting
from tenantry.users.views.page import Page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django.urls import URLPattern

LOOK_AGAIN = 2  # seconds


class WaitingView(Page):
    """Says how far the tenant is that the visitor signed up for; ends in the tenant."""

    template_name = "tenantry/waiting.html"

    @method_decorator(login_not_required)
    @method_decorator(transaction.non_atomic_requests)
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve it in no transaction: it may go on with provisioning."""
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, ticket: str) -> HttpResponse:
        """Look, and look again after a while, or go in."""
        del request
        try:
            progress, tenant = waiting.look(ticket)
        except BadSignature:
            raise Http404 from None
        if progress is waiting.Progress.READY:
            address = door(tenant)
            if address is not None:
                return HttpResponseRedirect(address)
        page = self.show(progress=progress.value, name=str(tenant or ""))
        if progress is waiting.Progress.WORKING:
            page["Refresh"] = str(LOOK_AGAIN)
        return page


def waiting_url(tenant: Any) -> str:
    """Return the page on which the visitor waits for this tenant."""
    return reverse("tenantry_waiting", args=[waiting.ticket(tenant)])


def door(tenant: Any) -> str | None:
    """Return where somebody enters the tenant; None where nothing leads to it.

    Shared users are signed in there by the shared site; a tenant's own sign in.
    """
    name = "tenantry_login" if have_own_users(tenant.kind) else "tenantry_enter"
    try:
        try:
            url = tenant.url(name)
        except NoReverseMatch:
            url = tenant.url("/")
    except NotSupported:
        return None
    return str(url)


of_shared_site: list[URLPattern] = [
    path("signup/<str:ticket>/", WaitingView.as_view(), name="tenantry_waiting"),
]
