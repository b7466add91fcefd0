"""Accounts, of whichever user model: found by what they are called, and made."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from tenantry.exceptions import AccountExists
from tenantry.users.base import email_of, same_email


def as_pk(model: Any, text: Any) -> Any:
    """Return what the text is as a primary key of the model; None: it cannot be one."""
    field = model._meta.pk
    try:
        found = field.to_python(text)
        field.run_validators(found)  # a number that no database has overflows there
    except (ValidationError, ValueError, TypeError):
        return None
    return found


def called(model: Any, name: str) -> list[Any]:
    """Return the users of that user name; otherwise of that address or primary key."""
    users = model._base_manager
    exact: list[Any] = list(users.filter(**{model.USERNAME_FIELD: name}))
    if exact:
        return exact
    field, pk = model.get_email_field_name(), as_pk(model, name)
    condition = Q(pk=pk) if pk is not None else Q(pk__in=[])
    if has_field(model, field):
        condition |= Q(**{f"{field}__iexact": name})
    return [
        user
        for user in users.filter(condition).order_by("pk")
        if user.pk == pk or same_email(email_of(user), name)
    ]


def of_email(model: Any, email: str) -> list[Any]:
    """Return the users of that e-mail address, whatever its case."""
    field = model.get_email_field_name()
    if not has_field(model, field):
        return []
    users = model._base_manager.filter(**{f"{field}__iexact": email}).order_by("pk")
    return [user for user in users if same_email(email_of(user), email)]


def make(
    model: Any, key: str, email: str, *, password: str | None, **fields: Any
) -> Any:
    """Make a user; the user name is the address unless given.

    Raises `AccountExists`, where tenant *key* is named, and `ValidationError` for
    values that cannot be. Nothing is left of it then.
    """
    fields.setdefault(model.get_email_field_name(), email)
    fields.setdefault(model.USERNAME_FIELD, email)
    if of_email(model, email):
        raise AccountExists(key, email)
    try:
        with transaction.atomic():
            return model._default_manager.create_user(password=password, **fields)
    except IntegrityError:
        name = fields[model.USERNAME_FIELD]
        if not model._base_manager.filter(**{model.USERNAME_FIELD: name}).exists():
            raise
        raise AccountExists(key, str(name)) from None


def has_field(model: Any, name: str) -> bool:
    """Whether the user model has a field of that name."""
    return any(field.name == name for field in model._meta.get_fields())
