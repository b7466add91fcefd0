"""The class that Django's `settings` gets, of which some names are read by our own."""

from __future__ import annotations

from typing import Any

from django.conf import settings

from tenantry.declared_settings import MISSING

BASE: Any = type(settings)


class TenantSettings(BASE):  # type: ignore[misc]
    """Django's settings, some names of which ask for the active tenant."""

    # Django finds its own translations beside the module of this class.
    __module__ = BASE.__module__

    def __dir__(self) -> list[str]:
        """List what the project has not, and declared with a default, as well."""
        return sorted({*super().__dir__(), *_own_names(type(self))})


def _own_names(cls: type[Any]) -> list[str]:
    return [
        name
        for name, value in vars(cls).items()
        if getattr(value, "default", MISSING) is not MISSING
    ]


def read_by(name: str, descriptor: Any) -> None:
    """Let the data descriptor answer for a name of Django's settings."""
    if type(settings) is not TenantSettings:
        # Past `LazyObject`, which would set the class of what it wraps.
        object.__dict__["__class__"].__set__(settings, TenantSettings)
    setattr(TenantSettings, name, descriptor)


def read_by_django(name: str) -> None:
    """Give a name back to Django."""
    if name in vars(TenantSettings):
        delattr(TenantSettings, name)
