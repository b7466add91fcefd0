"""Looks tenants up: by host, slug or key; the only code that does, and from memory.

A request finds its tenant without a query. Every change of the catalog raises a version
in the shared database; each process asks for it once in `CATALOG_REFRESH_SECONDS`, with
one small query, and forgets what it knows where it was raised. Known and unknown names
are kept apart, each in a bounded number: a flood of unknown hosts neither grows the
memory nor pushes out known ones.
"""

from __future__ import annotations

import copy
import math
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from django.apps import apps
from django.core.exceptions import SynchronousOnlyOperation, ValidationError
from django.db import Error, connections
from django.db.models import F
from django.db.models.base import ModelState

from tenantry.catalog.models import CatalogVersion, State, TenantRow
from tenantry.catalog.settings import OwnSettings
from tenantry.catalog.validators import normalize_host
from tenantry.conf import conf
from tenantry.context import as_ref, override_tenant
from tenantry.exceptions import TenantNotFound, TenantUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable

    from tenantry.types import HasRef, TenantRef

V = TypeVar("V")
MOST = 10_000
# What an instance remembers of its row, and never changes.
AS_STORED = {"_as_stored", "_settings_as_stored"}


class Bounded(Generic[V]):
    """A mapping of the most recently used names, safe among threads."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._values: OrderedDict[str, V] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, name: str) -> V | None:
        """Return the value, marking it as used where places are getting scarce."""
        value = self._values.get(name)
        if value is not None and 2 * len(self._values) > self._most:
            with self._lock:
                if name in self._values:
                    self._values.move_to_end(name)
        return value

    def put(self, name: str, value: V) -> None:
        """Keep the value; the least recently used one goes where it is too many."""
        with self._lock:
            self._values[name] = value
            self._values.move_to_end(name)
            if len(self._values) > self._most:
                self._values.popitem(last=False)

    def clear(self) -> None:
        """Forget all."""
        with self._lock:
            self._values.clear()


class Entry:
    """A tenant as the catalog remembers it."""

    __slots__ = ("_cls", "_mutable", "_values", "ref", "settings", "slug", "state")

    def __init__(self, row: TenantRow) -> None:
        self.ref: TenantRef = row.ref
        self.state = row.state
        self.slug = row.slug
        self.settings = OwnSettings(row.key, row.__dict__.get("settings") or {})
        self._cls = type(row)
        self._values = {
            name: value
            for name, value in row.__dict__.items()
            if name not in ("_state", "_prefetched_objects_cache")
        }
        self._mutable = [
            name
            for name, value in self._values.items()
            if isinstance(value, list | dict | set) and name not in AS_STORED
        ]

    def instance(self) -> Any:
        """Return a new instance of the tenant's row, as if just read."""
        made = self._cls.__new__(self._cls)
        made.__dict__.update(self._values)
        for name in self._mutable:
            value = self._values[name]
            made.__dict__[name] = copy.deepcopy(value) if value else type(value)()
        state = ModelState()
        state.db = "default"
        state.adding = False
        made._state = state
        return made


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A domain of a tenant: its path prefix, and whether it is the primary one."""

    path: str
    tenant: Entry
    is_primary: bool


class Registry:
    """The catalog, from memory where it can be. All methods are safe among threads."""

    def __init__(self) -> None:
        self._hosts: Bounded[tuple[HostEntry, ...]] = Bounded()
        self._slugs: Bounded[Entry] = Bounded()
        self._keys: Bounded[Entry] = Bounded()
        self._primary: Bounded[tuple[str, str]] = Bounded()
        self._unknown: Bounded[bool] = Bounded()
        self._version: int | None = None
        self._generation = 0
        self._next_look = 0.0

    # The models are the project's.

    @property
    def tenant_model(self) -> Any:
        """The project's tenant model."""
        return apps.get_model(conf.tenant_model)

    @property
    def domain_model(self) -> Any:
        """The project's domain model, or None where it has none."""
        return apps.get_model(conf.domain_model) if conf.domain_model else None

    # Looking up.

    def by_host(self, host: str) -> tuple[HostEntry, ...]:
        """Return the tenants of a normalized host, the longest path prefix first."""
        return (
            self._find(
                self._hosts, host, sort="host", load=lambda: self._load_host(host)
            )
            or ()
        )

    def by_slug(self, slug: str) -> Entry | None:
        """Return the tenant of that slug."""
        return self._find(
            self._slugs, slug, sort="slug", load=lambda: self._load_tenant(slug=slug)
        )

    def by_key(self, key: str) -> Entry | None:
        """Return the tenant of that key."""
        return self._find(
            self._keys, key, sort="key", load=lambda: self._load_tenant(key=key)
        )

    def served(self, tenant: TenantRef | HasRef | str) -> Any:
        """Return the row of a tenant that is in service.

        Raises `TenantNotFound` and `TenantUnavailable`.
        """
        ref = as_ref(tenant)
        entry = self.by_key(ref.key) if ref is not None else None
        if entry is None:
            raise TenantNotFound(str(tenant))
        if entry.state != State.ACTIVE:
            raise TenantUnavailable(entry.ref.key, State(entry.state).label)
        return entry.instance()

    def remembered(self, key: str) -> Entry:
        """Return the tenant of that key, also where the database may not be asked.

        What memory has will do in an event loop, and in a transaction that failed;
        what it has not is asked for by another thread. Raises `TenantNotFound`.
        """
        try:
            entry = self.by_key(key)
        except (SynchronousOnlyOperation, Error):
            entry = self._keys.get(key)
            if entry is None:
                with ThreadPoolExecutor(1) as executor:
                    entry = executor.submit(self._by_key_alone, key).result()
        if entry is None:
            raise TenantNotFound(key)
        return entry

    def _by_key_alone(self, key: str) -> Entry | None:
        try:
            return self.by_key(key)
        finally:
            connections.close_all()

    def ref(self, key: str) -> TenantRef:
        """Return the tenant's value.

        Raises `TenantNotFound`, and `TenantUnavailable` for one that is not whole:
        being provisioned or dropped.
        """
        entry = self.by_key(key)
        if entry is None:
            raise TenantNotFound(key)
        if entry.state in (State.PROVISIONING, State.DROPPING):
            raise TenantUnavailable(key, State(entry.state).label)
        return entry.ref

    def primary_domain(self, key: str) -> tuple[str, str] | None:
        """Return host and path of the tenant's primary domain, if it has a domain."""
        return self._find(
            self._primary, key, sort="primary", load=lambda: self._load_primary(key)
        )

    def _find(
        self, known: Bounded[V], name: str, *, sort: str, load: Callable[[], V | None]
    ) -> V | None:
        self._look_for_changes()
        found = known.get(name)
        if found is not None:
            return found
        unknown = f"{sort}:{name}"
        if self._unknown.get(unknown):
            return None
        generation = self._generation
        with override_tenant(None):
            loaded = load()
        if generation != self._generation:
            return loaded
        self._keep_by_key(loaded)
        if loaded is None:
            self._unknown.put(unknown, True)  # noqa: FBT003  (a set with an order)
        else:
            known.put(name, loaded)
        return loaded

    def _keep_by_key(self, loaded: Any) -> None:
        """Keep the tenants that were found by another name by their keys too."""
        for each in loaded if isinstance(loaded, tuple) else (loaded,):
            entry = each.tenant if isinstance(each, HostEntry) else each
            if isinstance(entry, Entry):
                self._keys.put(entry.ref.key, entry)

    def _load_host(self, host: str) -> tuple[HostEntry, ...] | None:
        if self.domain_model is None:
            return None
        rows = self.domain_model.objects.filter(host=host).select_related("tenant")
        entries = [HostEntry(r.path, Entry(r.tenant), r.is_primary) for r in rows]
        return tuple(sorted(entries, key=lambda e: -len(e.path))) or None

    def _load_tenant(self, **by: str) -> Entry | None:
        row = self.tenant_model._base_manager.filter(**by).first()
        return None if row is None else Entry(row)

    def _load_primary(self, key: str) -> tuple[str, str] | None:
        if self.domain_model is None:
            return None
        rows = self.domain_model.objects.filter(tenant__key=key)
        row = rows.order_by("-is_primary", "pk").first()
        return None if row is None else (row.host, row.path)

    # Noticing changes.

    def _look_for_changes(self) -> None:
        now = time.monotonic()
        if now < self._next_look:
            return
        version = self._read_version()
        if version != self._version:
            self.clear()
            self._version = version
        self._next_look = now + conf.catalog_refresh_seconds

    def _read_version(self) -> int:
        with override_tenant(None):
            found = CatalogVersion.objects.values_list("version", flat=True).first()
        return found or 0

    def changed(self) -> None:
        """Tell every process, this one at once; in the transaction of the change."""
        with override_tenant(None):
            raised = CatalogVersion.objects.filter(pk=1).update(
                version=F("version") + 1
            )
            if not raised:
                CatalogVersion.objects.get_or_create(pk=1, defaults={"version": 1})
        self.clear()

    @property
    def generation(self) -> int:
        """A number that is another one after each `clear`."""
        return self._generation

    def stop_looking(self) -> None:
        """Ask no more whether the catalog changed, until `clear`.

        For tests: nobody else writes it, and each counts its own queries.
        """
        self._next_look = math.inf

    def clear(self) -> None:
        """Forget all that this process knows; the next look-up asks the database."""
        for cache in (
            self._hosts,
            self._slugs,
            self._keys,
            self._primary,
            self._unknown,
        ):
            cache.clear()
        self._generation += 1  # what is being loaded just now is not kept
        self._version = None
        self._next_look = 0.0


@lru_cache(maxsize=MOST)
def normalized(host: str) -> str | None:
    """Return the host in its one form, or None where it is not a host at all."""
    try:
        return normalize_host(host)
    except ValidationError:
        return None


registry = Registry()
conf.on_change(registry.clear)
