"""No other way in than single sign-on, where a tenant's settings say so.

The recipe of docs/how-to/single-sign-on.md.
"""

from allauth.account.adapter import DefaultAccountAdapter
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseForbidden


class NoPasswords:
    """The first of AUTHENTICATION_BACKENDS: all that take a password ask them."""

    def authenticate(self, request, **credentials):  # noqa: ARG002  (Django's)
        """Refuse; no other backend is asked then."""
        if settings.REQUIRE_SSO:
            raise PermissionDenied

    def get_user(self, user_id):
        """Return None: it signs nobody in."""


class SsoAdapter(DefaultAccountAdapter):
    """ACCOUNT_ADAPTER: what allauth has beside passwords, such as codes by mail."""

    def pre_login(self, request, user, *, signal_kwargs=None, **facts):
        """Refuse who does not come from the provider."""
        if settings.REQUIRE_SSO and "sociallogin" not in (signal_kwargs or {}):
            return HttpResponseForbidden("Sign in by your company.")
        return super().pre_login(request, user, signal_kwargs=signal_kwargs, **facts)
