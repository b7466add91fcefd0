"""`CACHES` that know the tenant: a key function, and a backend around any other.

Each tenant has a space of its own, the shared site another. A tenant's key has no "!",
so what stands before the first one names the space, whatever else a key is made of.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING, Any, cast

from django.core.cache import caches
from django.core.cache.backends.base import (
    DEFAULT_TIMEOUT,
    BaseCache,
    InvalidCacheBackendError,
    default_key_func,
)
from django.core.cache.backends.db import BaseDatabaseCache
from django.utils.module_loading import import_string

from tenantry.conf import conf
from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["TenantCache", "make_key"]

logger = logging.getLogger("tenantry.cache")

END_OF_SPACE = "!"
TOKEN_BYTES = 8
MOST_KNOWN = 10_000


def make_key(key: str, key_prefix: str, version: Any) -> str:
    """Return Django's own key, in the active tenant's space: a `KEY_FUNCTION`.

    Enough alone to keep tenants apart; but `clear()` is then the backend's own, which
    clears all of them. `TenantCache` clears one.
    """
    return _space() + default_key_func(key, key_prefix, version)


def _space() -> str:
    """Return how each key of the active tenant, or of the shared site, begins."""
    tenant = ACTIVE.get()
    return END_OF_SPACE if tenant is None else tenant.key + END_OF_SPACE


def _as_made(key: str, _prefix: str, _version: Any) -> str:
    """Return the key: the backend inside is given whole ones."""
    return key


class TenantCache(BaseCache):
    """A cache backend around another, `OPTIONS["BACKEND"]`, that knows the tenant.

    A key is made of the tenant, a random token, and what Django makes. The token is
    kept in the backend itself, one for each tenant; `clear()` removes it, so the next
    use draws another, and what was there before is found by nobody, in no process. The
    same happens where the backend loses the token: values may be lost, as in any cache,
    but never come back.

    Reading costs no further round trip: the token is asked for together with the value,
    under the key that the token last seen gives. All else costs one.
    """

    knows_tenant = True

    def __new__(cls, _location: Any, params: dict[str, Any]) -> Any:
        """Return a wrapper that `createcachetable` knows where it has a table."""
        known_by_table = issubclass(backend_in(params), BaseDatabaseCache)
        if cls is TenantCache and known_by_table:
            return super().__new__(_TenantDatabaseCache)
        return super().__new__(cls)

    def __init__(self, location: Any, params: dict[str, Any]) -> None:
        BaseCache.__init__(self, params)  # not that of a sort of backend beside it
        options = {**params["OPTIONS"]}
        del options["BACKEND"]
        inside = {**params, "OPTIONS": options, "KEY_FUNCTION": _as_made}
        backend: Any = backend_in(params)
        self.backend: BaseCache = backend(location, inside)
        self._tokens: dict[str, str] = {}

    # The spaces, and the token of each.

    def _name(self, space: str) -> str:
        """Return what the token of the space is kept under: like no other key."""
        return f"{space}{END_OF_SPACE}{self.key_prefix}"

    def _token(self, space: str) -> str:
        """Ask for the token of the space; draw one where there is none."""
        name = self._name(space)
        token: str | None = self.backend.get(name)
        if token is None:
            token = secrets.token_urlsafe(TOKEN_BYTES)
            if not self.backend.add(name, token, timeout=None):
                token = cast("str", self.backend.get(name, token))
        if len(self._tokens) >= MOST_KNOWN:
            self._tokens.clear()
        self._tokens[space] = token
        return token

    def _made(self, key: str, version: Any) -> str:
        space = _space()
        return f"{space}{self._token(space)}:{self.make_key(key, version)}"

    def _all_made(
        self, keys: Iterable[str], version: Any, *, token: str | None = None
    ) -> dict[str, str]:
        """Return the keys by what the backend has them under."""
        space = _space()
        start = f"{space}{token or self._token(space)}:"
        return {start + self.make_key(key, version): key for key in keys}

    def forget(self, tenant_key: str) -> None:
        """Let all values of a tenant be found no more; of one that is gone, say."""
        self._forget(tenant_key + END_OF_SPACE)

    def _forget(self, space: str) -> None:
        self.backend.delete(self._name(space))
        self._tokens.pop(space, None)

    # Django's interface: what is not here, BaseCache makes of what is.

    def add(  # noqa: PLR0917  (Django's own)
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> bool:
        """Set the value unless there is one; return whether it was set."""
        return self.backend.add(self._made(key, version), value, timeout)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        """Return the value, or the default."""
        return self.get_many([key], version).get(key, default)

    def set(  # noqa: PLR0917  (Django's own)
        self,
        key: Any,
        value: Any,
        timeout: Any = DEFAULT_TIMEOUT,
        version: int | None = None,
    ) -> None:
        """Set the value."""
        self.backend.set(self._made(key, version), value, timeout)

    def touch(
        self, key: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        """Let the value live for another timeout; return whether it is there."""
        return self.backend.touch(self._made(key, version), timeout)

    def delete(self, key: Any, version: int | None = None) -> bool:
        """Remove the value; return whether it was there."""
        return self.backend.delete(self._made(key, version))

    def has_key(self, key: Any, version: int | None = None) -> bool:
        """Whether there is a value."""
        return self.backend.has_key(self._made(key, version))

    def incr(self, key: Any, delta: int = 1, version: int | None = None) -> int:
        """Add to the value; `ValueError` where there is none."""
        return self.backend.incr(self._made(key, version), delta)

    def get_many(self, keys: Any, version: int | None = None) -> dict[Any, Any]:
        """Return the values that are there, by key."""
        keys, space = list(keys), _space()
        token = self._tokens.get(space)
        if token is not None:
            made, name = self._all_made(keys, version, token=token), self._name(space)
            found = self.backend.get_many([name, *made])
            if found.pop(name, None) == token:
                return {made[each]: value for each, value in found.items()}
        made = self._all_made(keys, version)
        found = self.backend.get_many(list(made))
        return {made[each]: value for each, value in found.items()}

    def set_many(
        self, data: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> list[Any]:
        """Set the values; return the keys of those that the backend did not take."""
        made = self._all_made(data, version)
        values = {each: data[key] for each, key in made.items()}
        return [made[each] for each in self.backend.set_many(values, timeout) or ()]

    def delete_many(self, keys: Any, version: int | None = None) -> None:
        """Remove the values."""
        self.backend.delete_many(list(self._all_made(keys, version)))

    def clear(self) -> None:
        """Remove all values of the active tenant, or of the shared site; no others."""
        self._forget(_space())

    def clear_all(self) -> None:
        """Remove the values of every tenant and of the shared site."""
        self.backend.clear()
        self._tokens.clear()

    def close(self, **kwargs: Any) -> None:
        """Close what the backend has open."""
        self.backend.close(**kwargs)


class _TenantDatabaseCache(TenantCache, BaseDatabaseCache):
    """A wrapper whose table Django's `createcachetable` finds and makes."""

    @property
    def _table(self) -> str:
        return str(cast("Any", self.backend)._table)  # noqa: SLF001  (Django's own)


def backend_in(params: dict[str, Any]) -> type[BaseCache]:
    """Return the class that a `TenantCache` of these settings is around.

    Raises `InvalidCacheBackendError` where they name none, or one that is not there.
    """
    path = params.get("OPTIONS", {}).get("BACKEND")
    if not path:
        msg = (
            "TenantCache is a cache around another one: name it in OPTIONS, as in "
            '"OPTIONS": {"BACKEND": "django.core.cache.backends.redis.RedisCache"}.'
        )
        raise InvalidCacheBackendError(msg)
    try:
        found: type[BaseCache] = import_string(path)
    except ImportError as error:
        msg = f"OPTIONS['BACKEND'] of TenantCache, {path!r}, is not found: {error}"
        raise InvalidCacheBackendError(msg) from error
    return found


def cache_knows_tenant(settings: dict[str, Any]) -> bool:
    """Whether an entry of `CACHES` keeps tenants apart.

    Backends and key functions of the project's own say so by `knows_tenant = True`.
    """
    for name in ("BACKEND", "KEY_FUNCTION"):
        found = settings.get(name)
        try:
            found = import_string(found) if isinstance(found, str) else found
        except ImportError:
            return True  # Django will say what is wrong
        if found is make_key or getattr(found, "knows_tenant", False):
            return True
    return False


def forget_dropped(*, key: str, **_: object) -> None:
    """Let no cached value of the dropped tenant be found; receives `tenant_dropped`.

    Its key is never used again, so nobody would ask. A cache that does not answer is
    left alone: the tenant is gone all the same.
    """
    for alias in conf.caches:
        try:
            cache = caches[alias]
            if isinstance(cache, TenantCache):
                cache.forget(key)
        except Exception:
            logger.warning("Cache %r keeps values of %r.", alias, key, exc_info=True)
