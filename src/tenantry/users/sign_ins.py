"""Writes down who signs in and out, and who tried to, in tenants and beside them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.signals import (
    user_logged_in,
    user_logged_out,
    user_login_failed,
)

from tenantry.catalog.audit import record


def connect() -> None:
    """Listen to Django's signals; an entry that cannot be written stops the act."""
    user_logged_in.connect(signed_in, dispatch_uid="tenantry.signed_in")
    user_logged_out.connect(signed_out, dispatch_uid="tenantry.signed_out")
    user_login_failed.connect(failed, dispatch_uid="tenantry.sign_in_failed")


def signed_in(user: Any, **_: object) -> None:
    """Write down that a user signed in."""
    record("user.signed_in", actor=user)


def signed_out(user: Any, **_: object) -> None:
    """Write down that a user signed out; nobody's session is nobody's act."""
    if user is not None:
        record("user.signed_out", actor=user)


def failed(credentials: dict[str, Any], **_: object) -> None:
    """Write down which name was tried, and none of the secrets that came with it."""
    names = ("username", get_user_model().USERNAME_FIELD, "email")
    tried = next((credentials[name] for name in names if credentials.get(name)), "")
    record("user.sign_in_failed", actor="", target=tried)
