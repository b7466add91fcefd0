"""Forms of logins, which do not tell who has an account and who has none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm

from tenantry.conf import conf
from tenantry.context import get_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["LoginForm", "ResetForm", "can_reset_passwords"]


def can_reset_passwords() -> bool:
    """Whether those who log in here can be sent a link for a new password.

    Django's forms for it know `AUTH_USER_MODEL` only, and no shared users beside it.
    """
    is_theirs = conf.shared_user_model == conf.auth_user_model
    return is_theirs or get_tenant() is not None


class LoginForm(AuthenticationForm):
    """Says the same of a wrong password, and of somebody who is not let in here."""

    def confirm_login_allowed(self, user: Any) -> None:
        """Refuse who is not active in this place, whatever backend found them."""
        if not user.is_active:
            raise self.get_invalid_login_error()


class ResetForm(PasswordResetForm):
    """Sends its mail to those alone who may sign in here: of shared users, members."""

    def get_users(self, email: str) -> Iterator[Any]:
        """Return the users with that address who are active in this place."""
        return (user for user in super().get_users(email) if user.is_active)
