"""What somebody is asked for who accepts an invitation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth import get_user_model
from django.contrib.auth.forms import SetPasswordForm
from django.core.exceptions import ValidationError
from django.forms.models import fields_for_model

from tenantry.users.acceptance import sign_in
from tenantry.users.addresses import is_same

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenantry.catalog.people import Invitation

__all__ = ["ConsentForm", "NewAccountForm", "PasswordForm"]


class ConsentForm(forms.Form):
    """Asks for nothing: who is signed in as the invited says yes."""


class PasswordForm(forms.Form):
    """Asks for the password of the invited address's account."""

    password = forms.CharField(
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(
        self, *args: Any, request: HttpRequest, invitation: Invitation, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.request = request
        self.invitation = invitation
        self.signed_in: Any = None

    def clean_password(self) -> str:
        """Sign in; refuse what is not the account's password."""
        password: str = self.cleaned_data["password"]
        self.signed_in = sign_in(self.invitation, self.request, password)
        if self.signed_in is None:
            msg = "That is not the password of the account."
            raise ValidationError(msg, code="invalid")
        return password


class NewAccountForm(SetPasswordForm):  # type: ignore[type-arg]
    """Asks for a password, and for what else the user model requires.

    The password is held against AUTH_PASSWORD_VALIDATORS. The address is the invited
    one; so is the user name, where that is another field, unless another is chosen.
    """

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        model: Any = get_user_model()
        address, name = model.get_email_field_name(), model.USERNAME_FIELD
        super().__init__(model(**{address: email}), *args, **kwargs)
        self.email = email
        asked = dict.fromkeys([name, *model.REQUIRED_FIELDS])
        self.asked = [each for each in asked if each != address]
        self.fields.update(fields_for_model(model, self.asked))
        if name in self.asked:
            self.fields[name].initial = email
        self.order_fields([*self.asked, "new_password1", "new_password2"])

    def clean(self) -> dict[str, Any] | None:
        """Hold the password against what else was given, too."""
        for name in self.asked:
            setattr(self.user, name, self.cleaned_data.get(name))
        self._refuse_foreign_address()
        return super().clean()

    def _refuse_foreign_address(self) -> None:
        """Refuse another's address as a user name: it would be taken for them."""
        name = self.user.USERNAME_FIELD
        given = str(self.cleaned_data.get(name) or "")
        if name in self.asked and "@" in given and not is_same(given, self.email):
            msg = "Only your own address, or a name without '@'."
            self.add_error(name, ValidationError(msg, code="invalid"))

    def account_fields(self) -> dict[str, Any]:
        """Return the fields of the new account, and its password."""
        given = {name: self.cleaned_data[name] for name in self.asked}
        return {"password": self.cleaned_data["new_password1"], **given}
