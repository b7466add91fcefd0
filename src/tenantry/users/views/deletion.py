"""Pages: deleting one's account and the tenants that are one's own, or keeping them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponseRedirect
from django.urls import path, reverse

from tenantry.conf import conf
from tenantry.exceptions import DeletionRefused, LifecycleError
from tenantry.users import deletion
from tenantry.users.signup import own_tenants
from tenantry.users.signup_forms import ConfirmForm
from tenantry.users.views.page import MembersPage

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.urls import URLPattern

NAME = "tenantry_account_delete"


class DeleteView(MembersPage):
    """Asks for the password; then shows until when the user can change their mind."""

    template_name = "tenantry/account_delete.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show what would go, or when it goes."""
        return self.page(ConfirmForm(user=request.user))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Schedule the deletion."""
        form = ConfirmForm(request.POST, user=request.user)
        if form.is_valid():
            try:
                deletion.ask(request.user)
            except DeletionRefused as error:
                form.add_error(None, f"{error.reason}.".capitalize())
            except LifecycleError:
                form.add_error(None, "It is being made, or removed. Try again later.")
            else:
                return HttpResponseRedirect(reverse(NAME))
        return self.page(form)

    def page(self, form: Any) -> HttpResponse:
        """Return the page."""
        user = self.request.user
        return self.show(
            form=form,
            tenants=own_tenants(user),
            scheduled=deletion.scheduled(user),
            days=conf.deletion_grace_days,
        )


class KeepView(MembersPage):
    """Cancels the deletion."""

    template_name = "tenantry/account_delete.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        """Show when it is due: a link alone changes nothing."""
        del request
        return HttpResponseRedirect(reverse(NAME))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Keep account and tenants."""
        try:
            deletion.keep(request.user)
        except DeletionRefused as error:
            return self.show(too_late=error.reason)
        return HttpResponseRedirect(reverse(NAME))


of_shared_site: list[URLPattern] = [
    path("account/delete/", DeleteView.as_view(), name=NAME),
    path("account/keep/", KeepView.as_view(), name="tenantry_account_keep"),
]
