"""Accounts, of whichever user model: found by what they are called, and made."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from tenantry.exceptions import AccountExists
from tenantry.users.base import email_of, same_email

BY_PK = "pk="


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
    """Return all users of that user name, e-mail address or primary key.

    All of them, as people choose their names: one may be another's address or key.
    `pk=7` is a primary key and nothing else.
    """
    users = model._base_manager
    if name.startswith(BY_PK):
        pk = as_pk(model, name.removeprefix(BY_PK))
        return [] if pk is None else list(users.filter(pk=pk))
    pk = as_pk(model, name)
    condition = Q(**{model.USERNAME_FIELD: name})
    if pk is not None:
        condition |= Q(pk=pk)
    same = {user.pk for user in of_email(model, name)}
    return list(users.filter(condition | Q(pk__in=same)).order_by("pk"))


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
