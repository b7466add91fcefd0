"""One database per tenant: a SQLite file, a PostgreSQL or a MySQL/MariaDB database.

Each open tenant has a connection of its own. Shared tables are reached through the
alias `tenantry:shared`; foreign keys to them are stored, not enforced.
"""

from __future__ import annotations

from collections import defaultdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tenantry.conf import Problem
from tenantry.isolation.base import Isolation, Template
from tenantry.isolation.engines import Engine, engine_for

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.isolation.base import Applied, Watch
    from tenantry.types import TenantRef

LIMIT_REACTIONS = ("exceed", "raise")

# What this process made in tests, by placement: a rollback takes the tenant's row only.
made_in_tests: defaultdict[str, set[str]] = defaultdict(set)


class DatabaseIsolation(Isolation):
    """A database per tenant, on the engine of the placement's database.

    Options: `NAME` (pattern of the database's name, default `"tenant_{key}"`; for
    SQLite the file's, default `"{key}"`), `DIRECTORY` (SQLite: where the files are,
    default `tenants` beside the shared file), `MAX_OPEN` (tenant databases that this
    process holds open, default 100), `ON_LIMIT` (`"exceed"`, the default, or
    `"raise"`, where all of them are busy).
    """

    name = "database"
    option_names = frozenset({"NAME", "DIRECTORY", "MAX_OPEN", "ON_LIMIT"})

    @cached_property
    def server(self) -> Engine:
        """What this engine does to make, copy and remove a database."""
        return engine_for(self.engine)(self)

    @property
    def supports_adoption(self) -> bool:  # type: ignore[override]
        """Whether the present tables can become the first tenant's: SQLite."""
        return self.server.supports_adoption

    @property
    def max_open(self) -> int:
        """How many tenant databases this process may hold open."""
        return int(self.options.get("MAX_OPEN", 100))

    @property
    def raises_on_limit(self) -> bool:
        """Whether to raise, not to exceed the limit, when all are busy."""
        return bool(self.options.get("ON_LIMIT", "exceed") == "raise")

    def problems(self) -> list[Problem]:
        """Return what is wrong with this placement's settings."""
        found = self.server.problems()
        if self.options.get("ON_LIMIT", "exceed") not in LIMIT_REACTIONS:
            found.append(
                Problem(
                    "E012",
                    f"OPTIONS['ON_LIMIT'] of placement {self.placement.alias!r} is "
                    f"{self.options['ON_LIMIT']!r}.",
                    "Choose 'exceed' or 'raise'.",
                )
            )
        most = self.options.get("MAX_OPEN", 100)
        if not isinstance(most, int) or most < 1:
            found.append(
                Problem(
                    "E013",
                    f"OPTIONS['MAX_OPEN'] of placement {self.placement.alias!r} is "
                    f"{most!r}.",
                    "A process needs at least one open tenant database.",
                )
            )
        return found

    def location_for(self, key: str) -> str:
        """Return the name of the database, or the file's path in the directory."""
        return self.server.location_for(key, in_tests=self.in_tests)

    def template_location(self, token: str) -> str:
        """Return the location of the template."""
        return self.server.template_location(token)

    def wrapper_settings(self, ref: TenantRef) -> dict[str, Any]:
        """Return Django's settings of the tenant's own database."""
        return self.server.wrapper_settings(ref.location)

    def exists(self, ref: TenantRef) -> bool:
        """Whether the database is there."""
        return self.server.exists(ref.location)

    def is_occupied(self, ref: TenantRef) -> bool:
        """Whether there is such a database, whole or not."""
        return self.server.is_occupied(ref.location)

    def create_empty(self, ref: TenantRef) -> None:
        """Make the database."""
        self._remember(ref)
        self.server.create_empty(ref.location)

    def create_from(self, ref: TenantRef, template: Template) -> None:
        """Copy the template's database."""
        self._remember(ref)
        self.server.copy(template.token, ref.location)

    def _remember(self, ref: TenantRef) -> None:
        if self.in_tests:
            made_in_tests[self.placement.alias].add(ref.location)

    def destroy(self, ref: TenantRef, *, watch: Watch | None = None) -> None:
        """Drop the database."""
        del watch  # it goes in one step
        self.server.destroy(ref.location)

    def capture(self, ref: TenantRef) -> Template | None:
        """Return the template: the database itself, kept to be copied."""
        return self.server.seal(ref.location)

    def template_is_there(self, template: Template) -> bool:
        """Whether the template's database is still there."""
        return self.server.exists(template.token)

    def applied_migrations(
        self, refs: Sequence[TenantRef]
    ) -> Mapping[TenantRef, Applied | Exception]:
        """Ask each database in turn."""
        found: dict[TenantRef, Applied | Exception] = {}
        for ref in refs:
            try:
                found[ref] = self.server.applied(ref)
            except Exception as error:  # noqa: BLE001  (reported for its tenant)
                found[ref] = error
        return found

    def adopt(
        self, ref: TenantRef, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Move the tables into the tenant's own database, where the engine can."""
        self.server.adopt(ref.location, tables, halves)

    def describe(self, ref: TenantRef) -> dict[str, str]:
        """Return the database's name or file."""
        return self.server.describe(ref.location)
