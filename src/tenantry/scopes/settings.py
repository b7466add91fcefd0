"""`django.conf.settings` with the active tenant's own values of what is declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.declared_settings import ACTIVATED, LED_BY, MISSING
from tenantry.exceptions import UnusableSetting

if TYPE_CHECKING:
    from tenantry.types import TenantRef

__all__ = ["TenantSetting", "read_from_tenants"]


class TenantSetting:
    """A name of `settings`: the active tenant's own value, else the project's.

    A data descriptor, of a class that Django's `settings` gets: it goes before what
    `LazySettings` keeps, so that names that are not declared cost nothing.
    """

    __slots__ = ("_leader", "_name", "default")

    def __init__(self, name: str, default: Any) -> None:
        self._name = name
        self.default = default
        self._leader = LED_BY.get(name)

    def __get__(self, holder: Any, owner: type[Any] | None = None) -> Any:
        if holder is None:
            return self
        tenant = ACTIVE.get()
        if tenant is not None:
            value = self._own(tenant)
            if value is not MISSING:
                return value
        project = holder.__dict__
        if self._name in project:
            return project[self._name]
        if self.default is not MISSING and not hasattr(holder._wrapped, self._name):  # noqa: SLF001  (Django's own)
            return self.default
        # Python asks Django's `__getattr__` next, which looks, warns and keeps.
        raise AttributeError(self._name)

    def _own(self, tenant: TenantRef) -> Any:
        try:
            own = registry.remembered(tenant.key).settings
            value = own[self._name]
            if value is MISSING and self._leader and own[self._leader] is not MISSING:
                return ""  # the project's is not for a server that the tenant named
        except AttributeError as error:  # it would mean: the project's value
            raise UnusableSetting(tenant.key, self._name, str(error)) from error
        return value

    def __set__(self, holder: Any, value: Any) -> NoReturn:
        # Never called: `LazySettings` sets its names on what it wraps.
        raise AttributeError(self._name)


def read_from_tenants() -> dict[str, TenantSetting]:
    """Return what is to be read from tenants, by name."""
    return {
        name: TenantSetting(name, declared.default)
        for name, declared in conf.declared_settings.items()
        if name not in ACTIVATED
    }
