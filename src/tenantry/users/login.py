"""Forms of logins, which do not tell who has an account and who has none."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from django.contrib.auth.forms import AuthenticationForm, PasswordResetForm
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from tenantry.conf import conf
from tenantry.context import get_tenant, override_tenant
from tenantry.users.mails import carrier

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("tenantry.users")

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

    def send_mail(  # noqa: PLR0917  (Django's own signature)
        self,
        subject_template_name: str,
        email_template_name: str,
        context: dict[str, Any],
        from_email: str | None,
        to_email: str,
        html_email_template_name: str | None = None,
    ) -> None:
        """Send as Django does; a shared user's by the project's mail server."""
        subject = render_to_string(subject_template_name, context)
        body = render_to_string(email_template_name, context)
        # Its sender is the tenant's, whoever carries it.
        message = EmailMultiAlternatives(
            "".join(subject.splitlines()), body, from_email, [to_email]
        )
        if html_email_template_name is not None:
            html = render_to_string(html_email_template_name, context)
            message.attach_alternative(html, "text/html")
        try:
            with override_tenant(carrier(get_tenant())):
                message.send()
        except Exception:
            # Told, it would tell who has an account.
            logger.exception("A mail to reset a password was not sent.")
