"""Page: asks whoever signs up for their address first, and writes to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.template.response import TemplateResponse

from tenantry.users import addresses, confirming
from tenantry.users.views.page import Page

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


class AddressForm(forms.Form):
    """An e-mail address."""

    email = forms.EmailField(label="Your e-mail address")

    def clean_email(self) -> str:
        """Bring it to the form in which addresses are compared."""
        return addresses.normalized(self.cleaned_data["email"])


class AddressFirst(Page):
    """A page of signing up that may want the address confirmed before.

    `confirms_address`: whether it does; unless set, where addresses name accounts.
    """

    confirms_address: bool | None = None
    address_template_name = "tenantry/signup_address.html"
    address = ""

    def address_page(
        self, request: HttpRequest, model: Any, *, is_first: bool
    ) -> HttpResponse | None:
        """Return the page that asks; None where there is nothing to ask, or no more.

        `address` is then the one confirmed, if any.
        """
        wanted = self.confirms_address
        if wanted is None:
            wanted = not is_first and confirming.name_accounts(model)
        if not wanted:
            return None
        self.address = confirming.confirmed(request)
        if self.address:
            return None
        form = AddressForm(request.POST if request.method == "POST" else None)
        context: dict[str, Any] = {"form": form}
        if form.is_valid():
            to = form.cleaned_data["email"]
            confirming.write(request, model, to, is_first=is_first)
            context["sent_to"] = to
        return TemplateResponse(request, self.address_template_name, context)
