"""Pages: deleting a tenant that has its own users, by its owner, or keeping it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.decorators import login_not_required
from django.core.signing import BadSignature
from django.http import Http404
from django.urls import NoReverseMatch, path
from django.utils.decorators import method_decorator

from tenantry.conf import conf
from tenantry.context import get_tenant, require_tenant
from tenantry.exceptions import DeletionRefused, LifecycleError
from tenantry.routing.absolute import shared_url
from tenantry.users import closing, mails
from tenantry.users.base import email_of
from tenantry.users.people import are_confined, people_of
from tenantry.users.signup_forms import ConfirmForm
from tenantry.users.views.access import to_login
from tenantry.users.views.page import Page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase
    from django.urls import URLPattern

KEEP = "tenantry_account_keep"


class CloseView(Page):
    """Asks the owner for the password; then shows the link by which it is kept."""

    template_name = "tenantry/tenant_delete.html"

    @method_decorator(login_not_required)  # it leads to the login by itself
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve it to the owner; to others there is no such page."""
        tenant = get_tenant()
        if tenant is None or not are_confined(tenant):
            raise Http404
        if not request.user.is_authenticated:
            return to_login(request)
        person = people_of(tenant).of_user(request.user)
        if person is None or not person.is_owner:
            raise Http404
        self.require_way_back()
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what would go."""
        return self.page(ConfirmForm(user=request.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Schedule it, and send the link to the owner."""
        form = ConfirmForm(request.POST, user=request.user)
        if not form.is_valid():
            return self.page(form)
        tenant = require_tenant()
        try:
            row = closing.ask(tenant, request.user)
        except DeletionRefused as error:
            form.add_error(None, f"{error.reason}.".capitalize())
            return self.page(form)
        except LifecycleError:
            form.add_error(None, "It is being removed.")
            return self.page(form)
        link = shared_url(KEEP, closing.ticket(row))
        to = email_of(request.user)
        if to:
            mails.send(tenant, "tenant_delete", to, link=link, due_at=row.due_at)
        return self.show(scheduled=row, link=link)

    def require_way_back(self) -> None:
        """Raise `Http404` where the shared site does not serve the link that keeps it.

        Asked for without it, the tenant would be out of service, and nobody could undo
        that.
        """
        try:
            shared_url(KEEP, "ticket")
        except NoReverseMatch:
            msg = (
                "A tenant is deleted by its owner where the shared site includes "
                "'tenantry.users.urls_signup': by that the tenant can be kept."
            )
            raise Http404(msg) from None

    def page(self, form: Any) -> HttpResponse:
        """Return the page."""
        return self.show(form=form, days=conf.deletion_grace_days)


class KeepTenantView(Page):
    """Serves the tenant of the ticket again; at the shared site, as nobody can sign in.

    A link that is merely opened changes nothing.
    """

    template_name = "tenantry/tenant_keep.html"

    @method_decorator(login_not_required)
    def dispatch(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponseBase:
        """Serve it to who has a ticket."""
        try:
            self.row = closing.of_ticket(kwargs["ticket"])
        except BadSignature:
            raise Http404 from None
        return super().dispatch(request, *args, **kwargs)

    def get(self, request: HttpRequest, ticket: str) -> HttpResponse:
        """Show when it is due."""
        del request, ticket
        return self.show(scheduled=self.row)

    def post(self, request: HttpRequest, ticket: str) -> HttpResponse:
        """Keep the tenant."""
        del request, ticket
        if self.row is None:
            return self.show(scheduled=None)
        try:
            closing.keep(self.row.tenant_key)
        except DeletionRefused as error:
            return self.show(too_late=error.reason)
        return self.show(scheduled=None, kept=self.row.tenant_key)


of_tenants: list[URLPattern] = [
    path("delete/", CloseView.as_view(), name="tenantry_account_delete"),
]
of_shared_site: list[URLPattern] = [
    path("account/keep/<str:ticket>/", KeepTenantView.as_view(), name=KEEP),
]
