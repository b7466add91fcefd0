"""The isolations of this project, by placement; made at first use."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from tenantry.conf import conf

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.isolation.base import Isolation


class Isolations:
    """`isolations[alias]` is the isolation of that placement."""

    def __init__(self) -> None:
        self._made: dict[str, Isolation] = {}

    def __getitem__(self, alias: str) -> Isolation:
        made = self._made.get(alias)
        return made if made is not None else self._make(alias)

    def __iter__(self) -> Iterator[str]:
        return iter(conf.placements)

    def all(self) -> list[Isolation]:
        """Return every isolation, in the order of the settings."""
        return [self[alias] for alias in self]

    def _make(self, alias: str) -> Isolation:
        placement = conf.placements.get(alias)
        if placement is None:
            msg = (
                f"There is no placement {alias!r} in TENANTRY['PLACEMENTS']; there "
                f"are: {', '.join(conf.placements)}."
            )
            raise ImproperlyConfigured(msg)
        try:
            backend = import_string(placement.backend)
        except ImportError as error:
            msg = (
                f"TENANTRY['PLACEMENTS'][{alias!r}]['BACKEND'] is "
                f"{placement.backend!r}, which cannot be imported: {error}."
            )
            raise ImproperlyConfigured(msg) from error
        unknown = placement.options.keys() - backend.option_names
        if unknown:
            name = min(unknown)
            near = difflib.get_close_matches(name, backend.option_names, n=1)
            hint = f"Did you mean {near[0]!r}? " if near else ""
            msg = (
                f"TENANTRY['PLACEMENTS'][{alias!r}]['OPTIONS'] has an unknown option "
                f"{name!r}. {hint}Known: {', '.join(sorted(backend.option_names))}."
            )
            raise ImproperlyConfigured(msg)
        isolation: Isolation = backend(placement)
        return self._made.setdefault(alias, isolation)

    def reset(self) -> None:
        """Forget the isolations: the settings changed."""
        self._made = {}


isolations = Isolations()
conf.on_change(isolations.reset)
