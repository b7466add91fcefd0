"""`django-oauth-toolkit`: a token of a shared user holds where they are a member.

The toolkit never asks whether a token's user is active; of a shared user that is what
says that the active tenant admits them. In force where `oauth2_provider` is installed,
with nothing to configure.
"""

from __future__ import annotations

from typing import Any

from django.db import router

from tenantry import guards
from tenantry.context import ACTIVE
from tenantry.exceptions import NoActiveTenant
from tenantry.seams.substitution import wrap
from tenantry.types import LABEL_PREFIX

__all__ = ["install", "is_admitted"]

# What the validator is asked about, and finds the person of.
ASKED = (
    "validate_bearer_token",
    "validate_id_token",
    "validate_refresh_token",
    "validate_code",
)


def install() -> None:
    """Refuse codes and tokens of those whom the active tenant does not admit."""
    from oauth2_provider import (  # noqa: PLC0415  (has models)
        checks,
        models,
        oauth2_validators,
    )

    def is_valid(original: Any, self: Any, *args: Any, **kwargs: Any) -> bool:
        return original(self, *args, **kwargs) and is_admitted(
            self.user, self.application
        )

    # `/introspect/` tells other servers whether a token is good.
    wrap(models.AbstractAccessToken, "is_valid", is_valid)
    for name in ASKED:
        wrap(oauth2_validators.OAuth2Validator, name, _asked)
    checks.router = RouterOfChecks()


class RouterOfChecks:
    """Answers a system check that asks, with no tenant active, where tokens go."""

    def db_for_write(self, model: Any, **hints: Any) -> str | None:
        """Return the alias; for models of tenants something that is none."""
        try:
            return router.db_for_write(model, **hints)
        except NoActiveTenant:
            return LABEL_PREFIX


def _asked(original: Any, self: Any, *args: Any, **kwargs: Any) -> bool:
    if not original(self, *args, **kwargs):
        return False
    request = kwargs["request"] if "request" in kwargs else args[-1]
    return is_admitted(request.user, request.client)


def is_admitted(user: Any, application: Any) -> bool:
    """Whether the active tenant admits who is behind a token.

    A tenant's own users are the toolkit's affair. A token without a user, of an
    application that is shared, stands for the owner of the application.
    """
    if ACTIVE.get() is None:
        return True
    sides = guards.sides_now()
    if user is None:
        if application is None or sides[application._meta.app_label].tenants:
            return True
        user = application.user
    if user is None:
        return False
    return sides[user._meta.app_label].tenants or bool(user.is_active)
