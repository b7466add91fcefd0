"""A tenant's own values of declared settings: checked, encrypted, and read again."""

from __future__ import annotations

import difflib
from typing import Any

from django.core.exceptions import ValidationError

from tenantry.catalog.secrets import MASK, is_sealed, seal, unseal
from tenantry.conf import conf
from tenantry.declared_settings import (
    ENCRYPTION,
    LOGIN,
    MISSING,
    SERVER,
    DeclaredSetting,
)
from tenantry.exceptions import UnusableSetting


class OwnSettings(dict[str, Any]):
    """A tenant's own values by name; MISSING where the project's is in force.

    Each is made from what is stored when it is first read, and is then as cheap to read
    as a dictionary. Raises `UnusableSetting` for one that cannot be.
    """

    def __init__(self, key: str, stored: dict[str, Any]) -> None:
        super().__init__()
        self.key = key
        self.stored = stored

    def __missing__(self, name: str) -> Any:
        value = self[name] = self._read(name)
        return value

    def __repr__(self) -> str:
        """Name what it has, and show no value: reports of errors print variables."""
        return f"<own settings of {self.key!r}: {', '.join(sorted(self.stored))}>"

    def _read(self, name: str) -> Any:
        declared = conf.declared_settings.get(name)
        if declared is None:
            return MISSING
        if name in ENCRYPTION and self[SERVER] is MISSING:
            return MISSING
        if name not in self.stored:
            return "" if name in LOGIN and self[SERVER] is not MISSING else MISSING
        value = self.stored[name]
        if declared.is_secret:
            value = unseal(self.key, name, value)
        try:
            return declared.checked(value)
        except ValidationError as error:
            reason = "; ".join(error.messages)
            raise UnusableSetting(self.key, name, reason) from error


def checked(key: str, given: Any, stored: dict[str, Any]) -> dict[str, Any]:
    """Return what is to be stored: each value of its type and valid, secrets encrypted.

    *stored* is what there is already: what stays as it was is not looked at again.
    Raises `ValidationError`, naming each setting, the tenant and the reason.
    """
    if not isinstance(given, dict):
        raise ValidationError({"settings": f"{given!r} is not a dict of settings."})
    kept, wrong = {}, []
    for name, value in given.items():
        if name in stored and value in (stored[name], MASK):
            kept[name] = stored[name]
            continue
        try:
            kept[name] = _checked(key, name, value)
        except (ValidationError, UnusableSetting) as error:
            reasons = getattr(error, "messages", None) or [getattr(error, "reason", "")]
            wrong.append(f"{name} of tenant {key!r}: {'; '.join(reasons)}.")
    if wrong:
        raise ValidationError({"settings": wrong})
    return kept


def _checked(key: str, name: str, value: Any) -> Any:
    declared = declaration(name)
    if declared.is_secret:
        if is_sealed(value):
            declared.checked(unseal(key, name, value))
            return value
        return seal(key, name, declared.checked(value))
    return declared.checked(value)


def declaration(name: str) -> DeclaredSetting:
    """Return what was declared of the name; raise `ValidationError` where nothing."""
    found: DeclaredSetting | None = conf.declared_settings.get(name)
    if found is None:
        near = difflib.get_close_matches(name.upper(), conf.declared_settings, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        msg = f"{name!r} is not declared in TENANTRY['SETTINGS']{hint}"
        raise ValidationError(msg)
    return found


def masked(stored: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored, to be shown to people: secrets are not."""
    declared = conf.declared_settings
    return {
        name: MASK
        if is_sealed(value) or (name in declared and declared[name].is_secret)
        else value
        for name, value in stored.items()
    }


def resealed(key: str, stored: dict[str, Any]) -> dict[str, Any]:
    """Return what is stored, its secrets encrypted anew with the first key."""
    return {
        name: seal(key, name, unseal(key, name, value)) if is_sealed(value) else value
        for name, value in stored.items()
    }
