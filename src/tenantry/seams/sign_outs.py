"""Seam of sign-outs: a session ends where its user signed out everywhere."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import auth
from django.contrib.auth.base_user import AbstractBaseUser

from tenantry.catalog import sign_outs
from tenantry.seams.substitution import seam, wrap


@seam
def sessions_end_with_their_users_sign_outs() -> None:
    """Django verifies each session by a hash of the user; the number is a part of it.

    So it holds for whatever engine stores sessions, none of which can list a user's.
    """

    def auth_hash(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        return sign_outs.mixed(original(self, *args, **kwargs), self)

    async def aget_user(original: Any, request: Any) -> Any:
        pk = await request.session.aget(auth.SESSION_KEY)
        ask = sync_to_async(sign_outs.look_up)
        with sign_outs.knowing(await ask(auth.get_user_model(), pk)):
            return await original(request)

    wrap(AbstractBaseUser, "_get_session_auth_hash", auth_hash)
    wrap(auth, "aget_user", aget_user)
