"""Kinds of tenants and declared tenants, as the settings write them."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_KIND = "default"
MAX_KIND_BYTES = 20
NAME = re.compile(r"[a-z][a-z0-9_]*\Z")
KIND_OPTIONS = {"TENANT_APPS": (list, tuple), "URLCONF": (str, type(None))}
DECLARED_OPTIONS = {
    "NAME": str,
    "KIND": str,
    "DOMAINS": (list, tuple),
    "PLACEMENT": str,
    "SLUG": str,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A sort of tenant: its apps, and its URLconf where it has one of its own."""

    name: str
    tenant_apps: frozenset[str]
    urlconf: str | None = None

    @property
    def setting(self) -> str:
        """Where its list of apps is written."""
        if self.name == DEFAULT_KIND:
            return "TENANTRY['TENANT_APPS']"
        return f"TENANTRY['KINDS'][{self.name!r}]['TENANT_APPS']"


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclaredTenant:
    """A tenant that belongs to the code, as `DECLARED_TENANTS` has it.

    `given` names the fields that are written there: they are brought up to date.
    """

    key: str
    name: str
    kind: str
    placement: str
    slug: str
    domains: tuple[str, ...]
    given: frozenset[str]


def slug_for(key: str) -> str:
    """Return the slug that a tenant gets unless another is given."""
    return key.replace("_", "-").strip("-")


def read_kinds(setting: Mapping[Any, Any]) -> dict[str, Kind]:
    """Return the kinds of `TENANTRY['KINDS']`; raise `ImproperlyConfigured`."""
    return {name: _kind(name, value) for name, value in setting.items()}


def _kind(name: Any, value: Any) -> Kind:
    where = f"TENANTRY['KINDS'][{name!r}]"
    if name == DEFAULT_KIND:
        msg = (
            f"{where} cannot be: that kind is TENANTRY['TENANT_APPS'] and ROOT_URLCONF."
        )
        raise ImproperlyConfigured(msg)
    if not isinstance(name, str) or not NAME.match(name) or len(name) > MAX_KIND_BYTES:
        msg = (
            f"{where}: a kind's name is a letter a-z, then a-z, 0-9 and '_', at most "
            f"{MAX_KIND_BYTES} in all."
        )
        raise ImproperlyConfigured(msg)
    entry = _entry(where, value, KIND_OPTIONS)
    if "TENANT_APPS" not in entry:
        msg = f"{where} has no TENANT_APPS: the apps that tenants of the kind have."
        raise ImproperlyConfigured(msg)
    return Kind(
        name=name,
        tenant_apps=frozenset(entry["TENANT_APPS"]),
        urlconf=entry.get("URLCONF"),
    )


def read_declared(
    setting: Mapping[Any, Any], *, placement: str
) -> dict[str, DeclaredTenant]:
    """Return the tenants of `TENANTRY['DECLARED_TENANTS']`, by key.

    *placement* is theirs where none is given. Raises `ImproperlyConfigured`.
    """
    found = {}
    for key, value in setting.items():
        where = f"TENANTRY['DECLARED_TENANTS'][{key!r}]"
        if not isinstance(key, str):
            msg = f"{where}: a key is a string."
            raise ImproperlyConfigured(msg)
        entry = _entry(where, value, DECLARED_OPTIONS)
        found[key] = DeclaredTenant(
            key=key,
            name=entry.get("NAME", key),
            kind=entry.get("KIND", DEFAULT_KIND),
            placement=entry.get("PLACEMENT", placement),
            slug=entry.get("SLUG") or slug_for(key),
            domains=tuple(entry.get("DOMAINS", ())),
            given=frozenset(name.lower() for name in entry),
        )
    return found


def named(types: type | tuple[type, ...]) -> str:
    """Return the types as they are called in an error."""
    listed = types if isinstance(types, tuple) else (types,)
    names = [each.__name__ for each in listed]
    return " or ".join("None" if name == "NoneType" else name for name in names)


def _entry(where: str, value: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dictionary, all of whose options are known and of their type."""
    if not isinstance(value, dict):
        msg = f"{where} is {value!r}, not a dict."
        raise ImproperlyConfigured(msg)
    for name, given in value.items():
        if name not in options:
            near = difflib.get_close_matches(str(name), options, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            msg = (
                f"{where} has an unknown option {name!r}. {hint}Known: "
                f"{', '.join(options)}."
            )
            raise ImproperlyConfigured(msg)
        if not isinstance(given, options[name]):
            msg = (
                f"{where}[{name!r}] is {given!r}, of the wrong type: it takes "
                f"{named(options[name])}."
            )
            raise ImproperlyConfigured(msg)
    return value
