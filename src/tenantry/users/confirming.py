"""The address first: whoever signs up shows by a mail that it is theirs.

Where an address names an account, a form that says "taken" would tell anybody who has
one. So everybody is answered alike, and what is so is in the mail.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django.core import signing
from django.core.mail import send_mail
from django.db.models import EmailField, F, UniqueConstraint
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse

from tenantry.users.accounts import of_email

if TYPE_CHECKING:
    from django.http import HttpRequest

SALT = "tenantry.signup"
MAX_AGE = 24 * 3600
NAME = "address"


def name_accounts(model: Any) -> bool:
    """Whether an e-mail address is what accounts of the model are known by."""
    fields = {field.name: field for field in model._meta.concrete_fields}
    if isinstance(fields[model.USERNAME_FIELD], EmailField):
        return True
    name = model.get_email_field_name()
    if name in fields and getattr(fields[name], "unique", False):
        return True
    found = [each for each in model._meta.constraints if _is_unique(each)]
    return any(_names_of(each) == {name} for each in found)


def _is_unique(constraint: Any) -> bool:
    return isinstance(constraint, UniqueConstraint)


def _names_of(constraint: Any) -> set[str]:
    """Return the fields that are unique together, also those within functions."""
    parts: list[Any] = [
        part
        for each in constraint.expressions
        for part in each.flatten()
        if isinstance(part, F)
    ]
    return {*constraint.fields, *(part.name for part in parts)}


def confirmed(request: HttpRequest) -> str:
    """Return the address that the link in our mail confirms; "" where none does."""
    try:
        found = signing.loads(request.GET.get(NAME, ""), salt=SALT, max_age=MAX_AGE)
    except signing.BadSignature:
        return ""
    return str(found)


def write(request: HttpRequest, model: Any, address: str, *, is_first: bool) -> None:
    """Send a mail to the address: how to go on, or that there is an account already."""
    known = not is_first and bool(of_email(model, address))
    query = urlencode({NAME: signing.dumps(address, salt=SALT)})
    link = request.build_absolute_uri(f"{reverse('tenantry_signup')}?{query}")
    if known:
        link = request.build_absolute_uri(_login())
    context = {"known": known, "link": link, "host": request.get_host()}
    subject = render_to_string("tenantry/signup_mail_subject.txt", context).strip()
    text = render_to_string("tenantry/signup_mail.txt", context)
    send_mail(subject, text, None, [address])


def _login() -> str:
    try:
        return reverse("tenantry_login")
    except NoReverseMatch:
        return "/"
