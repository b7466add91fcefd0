"""Seams of signing in: to a tenant come its members, and for as long as they are."""

from __future__ import annotations

import functools
from typing import Any

from django.contrib import auth
from django.contrib.auth import backends
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.views.decorators.debug import sensitive_variables

from tenantry.seams.substitution import INSTALLED, wrap
from tenantry.users import lookup


def members_are_authenticated() -> None:
    """Who is no member is refused as for a wrong password, after the same work."""
    _authenticate()
    _aauthenticate()

    def check(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        lookup.standing(self)  # asked for whether or not the password is right
        return original(self, *args, **kwargs)

    async def acheck(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        await lookup.astanding(self)
        return await original(self, *args, **kwargs)

    def can_authenticate(original: Any, self: Any, user: Any) -> Any:
        return original(self, user) and lookup.admits(user)

    wrap(AbstractBaseUser, "check_password", check)
    wrap(AbstractBaseUser, "acheck_password", acheck)
    for backend in (
        backends.AllowAllUsersModelBackend,
        backends.AllowAllUsersRemoteUserBackend,
    ):
        wrap(backend, "user_can_authenticate", can_authenticate)


def _authenticate() -> None:
    original = backends.ModelBackend.authenticate

    @functools.wraps(original)
    @sensitive_variables()  # so without `wrap`: credentials are in every frame
    def authenticate(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lookup.watched() as asked:
            user = original(self, *args, **kwargs)
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is not None and not asked:
            lookup.ask_for_nobody(tenant)
        return user

    setattr(authenticate, INSTALLED, original)
    backends.ModelBackend.authenticate = authenticate  # type: ignore[method-assign]


def _aauthenticate() -> None:
    original = backends.ModelBackend.aauthenticate

    @functools.wraps(original)
    @sensitive_variables()
    async def aauthenticate(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lookup.watched() as asked:
            user = await original(self, *args, **kwargs)
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is not None and not asked:
            await lookup.aask_for_nobody(tenant)
        return user

    setattr(aauthenticate, INSTALLED, original)
    backends.ModelBackend.aauthenticate = aauthenticate  # type: ignore[method-assign]


def users_are_loaded_with_their_membership() -> None:
    """One query for both, so that a request costs what it does without us."""

    def get_user(original: Any, self: Any, user_id: Any) -> Any:
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is None:
            return original(self, user_id)
        user = lookup.load(auth.get_user_model(), user_id, tenant)
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(original: Any, self: Any, user_id: Any) -> Any:
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is None:
            return await original(self, user_id)
        user = await lookup.aload(auth.get_user_model(), user_id, tenant)
        return user if user is not None and self.user_can_authenticate(user) else None

    wrap(backends.ModelBackend, "get_user", get_user)
    wrap(backends.ModelBackend, "aget_user", aget_user)


def sessions_end_with_the_membership() -> None:
    """Backends of others return users of a session whether or not they are active."""

    def get_user(original: Any, request: Any) -> Any:
        user = original(request)
        return user if lookup.admits(user) else AnonymousUser()

    async def aget_user(original: Any, request: Any) -> Any:
        user = await original(request)
        await lookup.astanding(user)
        return user if lookup.admits(user) else AnonymousUser()

    wrap(auth, "get_user", get_user)
    wrap(auth, "aget_user", aget_user)
