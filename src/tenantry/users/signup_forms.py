"""What a visitor is asked who signs up: the account, and the tenant of their own."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm, UsernameField
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.utils.text import slugify

from tenantry.catalog.models import State, UsedKey
from tenantry.catalog.registry import registry
from tenantry.conf import DEFAULT_PLACEMENT
from tenantry.isolation.identifiers import MAX_KEY_BYTES
from tenantry.kinds import DEFAULT_KIND, slug_for

PROPOSALS = 50
ROOM = 3  # for a number behind the name
CHECKED = ("key", "slug", "kind", "placement")


class AccountForm(BaseUserCreationForm):  # type: ignore[type-arg]
    """A new user, as the user model says: its fields, validators, and the password's.

    Made for a model by `account_form`.
    """

    def __init__(
        self, *args: Any, is_first: bool = False, address: str = "", **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.is_first = is_first
        for name in self._meta.model.REQUIRED_FIELDS:
            if name in self.fields:
                self.fields[name].required = True
        if address:
            self._confirmed(address)
        if is_first:
            # They would ask a database that is not made yet; Django calls them by
            # another way in each version.
            vars(self.instance)["validate_constraints"] = _ask_nobody

    def _confirmed(self, address: str) -> None:
        """Make the address the user's, and no other."""
        name = self._meta.model.get_email_field_name()
        setattr(self.instance, name, address)
        if name in self.fields:
            self.initial[name] = address
            self.fields[name].disabled = True

    def validate_unique(self) -> None:
        """Ask whether the name is taken; the first user of a tenant has no other."""
        if self.is_first:
            return
        super().validate_unique()
        self.refuse_taken()

    def tell_taken(self) -> None:
        """Say what somebody else has taken since the form was checked."""
        super().validate_unique()
        self.refuse_taken()

    def refuse_taken(self) -> None:
        """Refuse a name that differs from another's by upper and lower case only."""
        model = self._meta.model
        name = model.USERNAME_FIELD
        value = self.cleaned_data.get(name)
        if not value or name in self.errors:
            return
        if model._default_manager.filter(**{f"{name}__iexact": value}).exists():
            self.add_error(name, self.instance.unique_error_message(model, [name]))


def _ask_nobody(exclude: Any = None) -> None:
    del exclude


def account_form(model: type[Any]) -> type[AccountForm]:
    """Return the form for a user model: its name for the login, what it requires."""
    wanted = dict.fromkeys([model.USERNAME_FIELD, *model.REQUIRED_FIELDS])
    editable = {f.name for f in model._meta.concrete_fields if f.editable}
    names = {"username": UsernameField} if model.USERNAME_FIELD == "username" else {}
    meta = type(
        "Meta",
        (),
        {
            "model": model,
            "fields": [name for name in wanted if name in editable],
            "field_classes": names,
        },
    )
    return type("AccountForm", (AccountForm,), {"Meta": meta})


class TenantForm(forms.Form):
    """The name of the new tenant, and its key, which is proposed unless given.

    Valid, `tenant` is the row to be recorded. A form of your own may ask for more, and
    give it by `facts` and `domains`.
    """

    tenant_name = forms.CharField(label="Name of your site", max_length=200)
    tenant_key = forms.CharField(
        label="Address",
        max_length=MAX_KEY_BYTES,
        required=False,
        help_text="Letters a-z, digits and '-'. Proposed by the name if left empty.",
    )

    def __init__(
        self,
        *args: Any,
        kind: str = DEFAULT_KIND,
        placement: str = DEFAULT_PLACEMENT,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        self.kind = kind
        self.placement = placement
        self.tenant: Any = None

    def clean(self) -> dict[str, Any]:
        """Find a key that is free, or say kindly why the one given cannot be."""
        given = super().clean() or self.cleaned_data
        name, key = given.get("tenant_name"), given.get("tenant_key", "").lower()
        if self.errors or not name:
            return given
        if not key:
            key = self.proposal(slugify(name))
            if not key:
                self.add_error("tenant_key", "Choose the address yourself, please.")
                return given
        self.tenant = self.row(key)
        try:
            self.tenant.full_clean(exclude=self._unchecked(), validate_unique=False)
        except ValidationError as error:
            self.add_error("tenant_key", error.messages)
        else:
            if is_taken(key, self.tenant.slug):
                self.tell_taken()
        return given

    def row(self, key: str) -> Any:
        """Return the row of the tenant, unsaved."""
        facts = {
            "name": self.cleaned_data["tenant_name"],
            "kind": self.kind,
            "placement": self.placement,
            **self.facts(),
        }
        return registry.tenant_model(key=key, state=State.PROVISIONING, **facts)

    def facts(self) -> dict[str, Any]:
        """Return further fields of the tenant."""
        return {}

    def domains(self) -> list[str]:
        """Return the hosts that lead to the tenant, beside what its slug gives it."""
        return []

    def tell_taken(self) -> None:
        """Say that another has the key, and which one is free."""
        key = self.tenant.key
        free = self.proposal(key)
        hint = f" {free!r} is free." if free else ""
        self.add_error("tenant_key", f"{key!r} is taken.{hint}")

    def proposal(self, wanted: str) -> str:
        """Return a key that is free and resembles the name; "" where there is none."""
        stem = wanted.lstrip("0123456789_-")[: MAX_KEY_BYTES - ROOM].rstrip("-_")
        for number in range(1, PROPOSALS) if stem else ():
            key = stem if number == 1 else f"{stem}-{number}"
            try:
                self.row(key).full_clean(
                    exclude=self._unchecked(), validate_unique=False
                )
            except ValidationError:
                continue
            if not is_taken(key, slug_for(key)):
                return key
        return ""

    @staticmethod
    def _unchecked() -> list[str]:
        fields = registry.tenant_model._meta.fields
        return [each.name for each in fields if each.name not in CHECKED]


def is_taken(key: str, slug: str) -> bool:
    """Whether a tenant has the key or the slug, or had the key."""
    rows = registry.tenant_model._base_manager.filter(Q(key=key) | Q(slug=slug))
    return rows.exists() or UsedKey.objects.filter(key=key).exists()


class ConfirmForm(forms.Form):
    """The password once more; their name from those who have none."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )

    def __init__(self, *args: Any, user: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        if not user.has_usable_password():
            label = f"Type {user.get_username()} to confirm"
            self.fields["password"] = forms.CharField(label=label)

    def clean_password(self) -> str:
        """Refuse another password."""
        given: str = self.cleaned_data["password"]
        if self.user.has_usable_password():
            if not self.user.check_password(given):
                raise ValidationError("That is not your password.")
        elif given != self.user.get_username():
            raise ValidationError("That is not your name.")
        return given
