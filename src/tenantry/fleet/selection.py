"""Which tenants a command is for: the same choice on every verb."""

from __future__ import annotations

import fnmatch
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.core.exceptions import FieldError, ValidationError

from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import TenantNotFound, TenantryError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

WILDCARDS = frozenset("*?[")


class BadSelection(TenantryError):
    """The choice of tenants cannot be understood."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """A choice of tenants. With nothing given: all that are active.

    *only* and *exclude* hold keys, or patterns such as `eu-*`; *where* `field=value`;
    *shard* is `(i, n)`: the i-th of n parts (from 1), by a hash of the key.
    """

    only: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    where: tuple[str, ...] = ()
    state: str | None = None
    placement: str | None = None
    kind: str | None = None
    shard: tuple[int, int] | None = None

    @property
    def is_all(self) -> bool:
        """Whether nothing is given but a state."""
        return self == Selection(state=self.state)

    def tenants(self) -> list[Any]:
        """Return the rows of these tenants, ordered by key.

        Raises `TenantNotFound` for a key in *only* that no tenant has, and
        `BadSelection` for conditions that cannot be.
        """
        with override_tenant(None):
            rows = list(self._rows().order_by("key"))
        chosen = [row for row in rows if self._takes(row.key)]
        self._require_named({row.key for row in chosen})
        return chosen

    def _rows(self) -> Any:
        rows = registry.tenant_model._base_manager.all()
        state = self.state or State.ACTIVE
        if state not in (*State.values, "any"):
            msg = f"There is no state {state!r}; there are: {', '.join(State.values)}."
            raise BadSelection(msg)
        if state != "any":
            rows = rows.filter(state=state)
        rows = _with(rows, conf.placements, placement=self.placement)
        rows = _with(rows, conf.kinds, kind=self.kind)
        for condition in self.where:
            name, equals, value = condition.partition("=")
            if not equals:
                msg = f"--where takes field=value; it was given {condition!r}."
                raise BadSelection(msg)
            try:
                rows = rows.filter(**{name: value})
            except (FieldError, ValidationError, ValueError) as error:
                msg = f"--where {condition}: {error}"
                raise BadSelection(msg) from error
        return rows

    def _takes(self, key: str) -> bool:
        if self.only and not matches(key, self.only):
            return False
        if matches(key, self.exclude):
            return False
        if self.shard is None:
            return True
        part, parts = self.shard
        return zlib.crc32(key.encode()) % parts == part - 1

    def _require_named(self, found: set[str]) -> None:
        for name in self.only:
            by_name = not WILDCARDS & set(name)
            if by_name and name not in found and self._would_take(name):
                entry = registry.by_key(name)
                if entry is None:
                    raise TenantNotFound(name)
                msg = (
                    f"Tenant {name!r} is {entry.state}, in placement "
                    f"{entry.ref.placement!r}, of kind {entry.ref.kind!r}: the other "
                    "conditions leave it out. "
                    "Choose it with --state any."
                )
                raise BadSelection(msg)

    def _would_take(self, key: str) -> bool:
        return self._takes(key) and not self.where


def _with(rows: Any, known: Collection[str], **wanted: str | None) -> Any:
    """Return the rows with that value, one of those known, or all where none is given.

    Raises `BadSelection`.
    """
    ((name, value),) = wanted.items()
    if not value:
        return rows
    if value not in known:
        msg = f"There is no {name} {value!r}; there are: {', '.join(known)}."
        raise BadSelection(msg)
    return rows.filter(**{name: value})


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether the key is one of the names, or fits one of the patterns."""
    return any(fnmatch.fnmatchcase(key, pattern) for pattern in patterns)


def parse_shard(text: str) -> tuple[int, int]:
    """Return `I/N` as numbers; raise `BadSelection`."""
    part, _, parts = text.partition("/")
    if part.isdigit() and parts.isdigit() and 1 <= int(part) <= int(parts):
        return int(part), int(parts)
    msg = f"--shard takes I/N with 1 <= I <= N, such as 2/4; it was given {text!r}."
    raise BadSelection(msg)
