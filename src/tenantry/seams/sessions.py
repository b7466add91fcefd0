"""Seams of sessions: the tenant is in their key, or in what a cookie holds."""

from __future__ import annotations

from typing import Any

from django.contrib.sessions.backends import signed_cookies
from django.contrib.sessions.backends.base import SessionBase

from tenantry.scopes.sessions import is_own, mark_of, marked
from tenantry.seams.substitution import seam_of, wrap

STAMP = "_tenant"


@seam_of("sessions")
def session_keys_name_their_tenant() -> None:
    """User ids and keys repeat; tables, caches and folders of sessions may be shared.

    Every engine makes its keys here, and none takes a key that is refused here.
    """

    def validate(original: Any, self: Any, key: Any) -> bool:
        mark_of(self)  # from the first key on, be it none
        if not original(self, key):
            return False
        # Its key is all that the cookie holds: see below.
        return isinstance(self, signed_cookies.SessionStore) or is_own(self, key)

    def new_key(original: Any, self: Any) -> str:
        return marked(self, original(self))

    async def anew_key(original: Any, self: Any) -> str:
        return marked(self, await original(self))

    wrap(SessionBase, "_validate_session_key", validate)
    wrap(SessionBase, "_get_new_session_key", new_key)
    wrap(SessionBase, "_aget_new_session_key", anew_key)


@seam_of("sessions")
def sessions_in_cookies_name_their_tenant() -> None:
    """What a cookie holds is signed, and says nothing of the tenant it was made in."""

    def to_cookie(original: Any, self: Any) -> Any:
        data = self._session
        self._session_cache = {**data, STAMP: mark_of(self)}
        try:
            return original(self)
        finally:
            self._session_cache = data

    def from_cookie(original: Any, self: Any) -> Any:
        data = original(self)
        if data.pop(STAMP, None) == mark_of(self):
            return data
        self.create()
        return {}

    wrap(signed_cookies.SessionStore, "_get_session_key", to_cookie)
    wrap(signed_cookies.SessionStore, "load", from_cookie)
