"""A tenant's own time zone and language: in force for a request, a task, a block.

They are activated, never read from the tenant through the settings: Django keeps the
first `TIME_ZONE` that it reads.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from django.utils import timezone, translation

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import ACTIVE, as_ref
from tenantry.declared_settings import MISSING

if TYPE_CHECKING:
    from tenantry.types import HasRef, TenantRef

__all__ = ["language_of", "localized", "with_default"]


def localized(
    tenant: TenantRef | HasRef | str | None = None,
) -> AbstractContextManager[Any]:
    """Put the tenant's own time zone and language in force for a block.

    *tenant* is the active one unless given. What was in force is back after the block;
    what the tenant has none of stays as it is. For `with` in coroutines too. Raises
    `TenantNotFound` for an unknown key.
    """
    ref = as_ref(tenant) or ACTIVE.get()
    if ref is None or not conf.activated_settings:
        return nullcontext()
    own = registry.remembered(ref.key).settings
    zone, language = own["TIME_ZONE"], own["LANGUAGE_CODE"]
    if zone is MISSING and language is MISSING:
        return nullcontext()
    return _InForce(zone, language)


class _InForce:
    """Both, or the one that there is; at every request, so without a generator."""

    def __init__(self, zone: Any, language: Any) -> None:
        self._blocks: list[Any] = []
        if zone is not MISSING:
            self._blocks.append(timezone.override(zone))
        if language is not MISSING:
            self._blocks.append(translation.override(language))

    def __enter__(self) -> None:
        for block in self._blocks:
            block.__enter__()

    def __exit__(self, *error: object) -> None:
        for block in reversed(self._blocks):
            block.__exit__(*error)


def language_of(tenant: TenantRef | None) -> str | None:
    """Return the tenant's own language, or None where it has none."""
    if tenant is None or "LANGUAGE_CODE" not in conf.activated_settings:
        return None
    language = registry.remembered(tenant.key).settings["LANGUAGE_CODE"]
    return None if language is MISSING else language


def with_default(accepted: str, language: str) -> str:
    """Return what a browser accepts with a last choice: "any" is that language."""
    given = accepted.replace("*", language)
    return f"{given}{',' if given else ''}{language};q=0.001"
