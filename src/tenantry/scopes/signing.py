"""Keys of the active tenant: what is signed in one is worthless in any other.

The key of a tenant is derived from the project's by the tenant's key, which never
changes and is never given to another; so are the fallbacks, by which keys rotate.
"""

from __future__ import annotations

import hmac
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NoReturn

from django.conf import settings
from django.utils.encoding import force_bytes

from tenantry import guards
from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from tenantry.types import TenantRef

__all__ = ["DerivedKey", "DerivedKeys", "KeyOfSigner", "derive", "is_of_tenants"]

MOST = 10_000


@lru_cache(maxsize=MOST)
def derive(secret: str | bytes, key: str) -> str | bytes:
    """Return the tenant's own secret, which tells nothing of the project's."""
    made = hmac.new(force_bytes(secret), f"tenantry.signing\0{key}".encode(), "sha256")
    text = made.hexdigest()
    return text.encode() if isinstance(secret, bytes) else text


class DerivedKey:
    """`settings.SECRET_KEY`: the active tenant's; with none active the project's."""

    name = "SECRET_KEY"

    def __get__(self, holder: Any, owner: type[Any] | None = None) -> Any:
        if holder is None:
            return self
        project = holder.__dict__
        if self.name in project:
            value = project[self.name]
        else:
            # Django looks, refuses none, and keeps; other readers of settings may not.
            value = holder.__getattr__(self.name)
        tenant = ACTIVE.get()
        return value if tenant is None else self.of(tenant, value)

    def of(self, tenant: TenantRef, value: Any) -> Any:
        """Return the tenant's in place of the project's."""
        return derive(value, tenant.key)

    def __set__(self, holder: Any, value: Any) -> NoReturn:
        # Never called: `LazySettings` sets its names on what it wraps.
        raise AttributeError(self.name)


class DerivedKeys(DerivedKey):
    """`settings.SECRET_KEY_FALLBACKS`: the active tenant's."""

    name = "SECRET_KEY_FALLBACKS"

    def of(self, tenant: TenantRef, value: Any) -> Any:
        """Return the tenant's in place of the project's."""
        return [derive(each, tenant.key) for each in value]


class KeyOfSigner:
    """An attribute of `Signer`: what it was given, else the setting, at each use.

    Many signers are made when a module is imported, with no tenant active.
    """

    def __init__(self, name: str, setting: str) -> None:
        self._name = name
        self._setting = setting

    def __get__(self, signer: Any, owner: type[Any] | None = None) -> Any:
        if signer is None:
            return self
        given = signer.__dict__[self._name]
        return getattr(settings, self._setting) if given is None else given

    def __set__(self, signer: Any, value: Any) -> None:
        signer.__dict__[self._name] = value


def is_of_tenants(model: Any) -> bool:
    """Whether the model's rows are the active tenant's own, not shared ones."""
    return guards.sides_now()[model._meta.app_label].tenants
