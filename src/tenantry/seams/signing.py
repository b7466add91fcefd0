"""Seams of keys: of what Django signs, and of what it takes from other domains."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import SessionBase
from django.core.signing import Signer
from django.middleware.csrf import CsrfViewMiddleware, RejectRequest

from tenantry.context import override_tenant
from tenantry.routing.origins import is_own_page
from tenantry.scopes.signing import DerivedKey, DerivedKeys, KeyOfSigner, is_of_tenants
from tenantry.seams.django_settings import read_by
from tenantry.seams.substitution import seam_of, wrap


@seam_of("signing")
def keys_are_the_tenants() -> None:
    """Whatever signs reads `settings.SECRET_KEY`: Django, and apps that know no more.

    All at once: a seam for each signer of Django's would miss those of others.
    """
    for descriptor in (DerivedKey(), DerivedKeys()):
        read_by(descriptor.name, descriptor)


@seam_of("signing")
def signers_ask_for_their_key_when_used() -> None:
    """`signer = Signer()` in a module would keep the project's key for all tenants."""

    def init(original: Any, self: Any, **kwargs: Any) -> None:
        original(self, **kwargs)
        if not kwargs.get("key"):
            self.key = None
        if kwargs.get("fallback_keys") is None:
            self.fallback_keys = None

    for name, setting in (
        ("key", "SECRET_KEY"),
        ("fallback_keys", "SECRET_KEY_FALLBACKS"),
    ):
        setattr(Signer, name, KeyOfSigner(name, setting))
    wrap(Signer, "__init__", init)


@seam_of("signing")
def shared_users_stay_logged_in() -> None:
    """A user of all tenants logs in once: the hash in the session is not of one."""

    def auth_hash(original: Any, self: Any) -> Any:
        if is_of_tenants(self):
            return original(self)
        with override_tenant(None):
            return original(self)

    def fallback_hash(original: Any, self: Any) -> Any:
        if is_of_tenants(self):
            return original(self)
        with override_tenant(None):
            return list(original(self))

    wrap(AbstractBaseUser, "get_session_auth_hash", auth_hash)
    wrap(AbstractBaseUser, "get_session_auth_fallback_hash", fallback_hash)


@seam_of("signing")
def shared_sessions_are_read_everywhere() -> None:
    """A session in a shared table is written in one tenant and read in another."""

    def with_its_key(original: Any, self: Any, data: Any) -> Any:
        model = getattr(self, "get_model_class", None)
        if model is None or is_of_tenants(model()):
            return original(self, data)
        with override_tenant(None):
            return original(self, data)

    wrap(SessionBase, "encode", with_its_key)
    wrap(SessionBase, "decode", with_its_key)


@seam_of("signing")
def forms_cross_the_tenants_own_domains() -> None:
    """Django keeps the origins that it trusts, the same for all tenants."""

    def origin_verified(original: Any, self: Any, request: Any) -> Any:
        return original(self, request) or is_own_page(
            request, request.META["HTTP_ORIGIN"]
        )

    def check_referer(original: Any, self: Any, request: Any) -> None:
        try:
            original(self, request)
        except RejectRequest:
            if not is_own_page(request, request.META.get("HTTP_REFERER", "")):
                raise

    wrap(CsrfViewMiddleware, "_origin_verified", origin_verified)
    wrap(CsrfViewMiddleware, "_check_referer", check_referer)
