"""What `DatabaseIsolation` needs of a database engine, and which one serves what."""

from __future__ import annotations

import copy
import hashlib
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.db import connections
from django.utils.module_loading import import_string

from tenantry.context import override_tenant
from tenantry.exceptions import LocationMissing, NotSupported
from tenantry.isolation.identifiers import MAX_KEY_BYTES, render

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tenantry.conf import Problem
    from tenantry.isolation.base import Applied, Isolation, Template
    from tenantry.types import TenantRef

SQLITE = "tenantry.isolation.sqlite.SQLite"
POSTGRESQL = "tenantry.isolation.servers.PostgreSQL"
MYSQL = "tenantry.isolation.servers.MySQL"
# By the last part of Django's ENGINE.
ENGINES = {
    "sqlite3": SQLITE,
    "spatialite": SQLITE,
    "postgresql": POSTGRESQL,
    "postgis": POSTGRESQL,
    "mysql": MYSQL,
}
APPLIED = "SELECT app, name FROM django_migrations"


class Engine(ABC):
    """One database engine, as `DatabaseIsolation` needs it."""

    default_name = "tenant_{key}"
    max_bytes: int
    supports_adoption = False

    def __init__(self, isolation: Isolation) -> None:
        self.isolation = isolation
        self.database = isolation.database
        self.options = isolation.options

    @property
    def settings(self) -> dict[str, Any]:
        """Django's settings of the placement's database."""
        return cast("dict[str, Any]", connections.settings[self.database])

    def problems(self) -> list[Problem]:
        """Return what is wrong with the placement for this engine."""
        return []

    def location_for(self, key: str, *, in_tests: bool = False) -> str:
        """Return the name of the tenant's database; in tests one of its own."""
        pattern = self.options.get("NAME", self.default_name)
        if in_tests:
            pattern = self._prefix_in_tests(pattern) + pattern
        return render(pattern, key, max_bytes=self.max_bytes)

    def _prefix_in_tests(self, pattern: str) -> str:
        """Return the test database's name, or a short one of its own for a long one.

        Test databases of other projects, workers and clones have tenants of the same
        keys on the same server.
        """
        name = str(self.settings["NAME"])
        longest = len(f"{name}_{pattern}".encode()) + MAX_KEY_BYTES
        if longest <= self.max_bytes:
            return f"{name}_"
        return f"t{hashlib.sha256(name.encode()).hexdigest()[:6]}_"

    def leave_tests(self, locations: Iterable[str]) -> None:
        """Remove the databases, as the test database is about to go."""
        for location in locations:
            self.destroy(location)

    def template_location(self, token: str) -> str:
        """Return the name of the template's database."""
        return f"tenantry_template_{token}"

    def wrapper_settings(self, location: str) -> dict[str, Any]:
        """Return Django's settings of the tenant's own database."""
        settings = copy.deepcopy(self.settings)
        settings["NAME"] = location
        # Each tenant's connection is counted and closed by tenantry; a pool for each
        # would hold connections open that nobody counts.
        settings["OPTIONS"].pop("pool", None)
        return settings

    def applied(self, ref: TenantRef) -> Applied:
        """Return the migrations recorded in the tenant's database."""
        if not self.exists(ref.location):
            raise LocationMissing(ref.key, ref.location)
        with override_tenant(ref), connections[ref.label].cursor() as cursor:
            cursor.execute(APPLIED)
            return frozenset((app, name) for app, name in cursor.fetchall())

    def describe(self, location: str) -> dict[str, str]:
        """Return the database's name, in words."""
        return {"database": location}

    def adopt(
        self, location: str, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Move these tables of the shared database into the tenant's own."""
        del tables, halves
        msg = f"{type(self).__name__} cannot make present tables those of {location!r}."
        raise NotSupported(msg)

    @abstractmethod
    def exists(self, location: str) -> bool:
        """Whether the database is there."""

    def is_occupied(self, location: str) -> bool:
        """Whether there is such a database, whole or not."""
        return self.exists(location)

    @abstractmethod
    def create_empty(self, location: str) -> None:
        """Make an empty database."""

    @abstractmethod
    def copy(self, template: str, location: str) -> None:
        """Make a database as a copy of the template, whole or not at all."""

    @abstractmethod
    def destroy(self, location: str) -> None:
        """Remove the database."""

    @abstractmethod
    def seal(self, location: str) -> Template | None:
        """Return the migrated database as a template; None where it cannot be one."""


def engine_for(dotted: str) -> type[Engine]:
    """Return the engine of a Django `ENGINE`; raise `ImproperlyConfigured`."""
    try:
        return cast("type[Engine]", import_string(ENGINES[dotted.rpartition(".")[2]]))
    except KeyError:
        msg = (
            f"Database isolation does not know the engine {dotted!r}. It knows SQLite, "
            "PostgreSQL, MySQL and MariaDB (django.db.backends.*, "
            "tenantry.backends.postgresql)."
        )
        raise ImproperlyConfigured(msg) from None
