"""What the isolations have in common whose tenants share a PostgreSQL connection."""

from __future__ import annotations

from abc import abstractmethod
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from django.db import connections

from tenantry.conf import Problem
from tenantry.context import override_tenant
from tenantry.isolation.base import Carried, Finding, Isolation
from tenantry.isolation.handler import isolations
from tenantry.isolation.identifiers import (
    MAX_KEY_BYTES,
    POSTGRESQL_MAX_BYTES,
    literal,
    quote,
)
from tenantry.isolation.tables import RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenantry.types import TenantRef

PUBLIC = "public"
SHARED_SCHEMA = "tenantry_shared"
BACKEND = "tenantry.backends.postgresql"
RESERVED = {PUBLIC, SHARED_SCHEMA, "information_schema", "tenantry"}
NOBODY = ""
MOST = 10_000
MOST_BESIDE_KEY = POSTGRESQL_MAX_BYTES - MAX_KEY_BYTES


def carried(
    path: tuple[str, ...], rows_of: str | None, application_name: str = ""
) -> Carried:
    """Return what makes a statement look names up in these schemas, in order.

    *rows_of* is the row tenant whose rows it may see; None where the database holds no
    rows of that sort. *application_name* is what the server's own views show of the
    connection meanwhile; as it is, where empty.

    Temporary tables come last: one left by another tenant on this connection never
    stands in for a table.
    """
    names = ", ".join(map(quote, (*path, "pg_temp")))
    settings = [("search_path", names)]
    if rows_of is not None:
        settings.append(("tenantry.tenant", rows_of))
    if application_name:
        settings.append(("application_name", application_name))
    # A path is a list of names to SET, and one text to `set_config`.
    values = [names, *(literal(value) for _, value in settings[1:])]
    sql = [
        f"SET LOCAL {name} TO {value};\n"
        for (name, _), value in zip(settings, values, strict=True)
    ]
    # `SET LOCAL` warns in a pipeline, which PostgreSQL does not count as a transaction.
    calls = [
        f"pg_catalog.set_config('{name}', {literal(value)}, true)"
        for name, value in settings
    ]
    return Carried(
        "".join(sql).encode(),
        len(sql),
        f"SELECT {', '.join(calls)}".encode(),
        tuple(settings),
    )


def nobody(database: str) -> str | None:
    """Return whose rows a statement may see that is no row tenant's."""
    rows = any(i.shares_tables and i.database == database for i in isolations.all())
    return NOBODY if rows else None


def _can_be_shown(name: object) -> bool:
    """Whether the server shows the name as it is, whatever the key."""
    if not isinstance(name, str) or "{key}" not in name:
        return False
    beside = name.replace("{key}", "", 1)
    printable = beside.isascii() and beside.isprintable() and "\\" not in beside
    return printable and "{" not in beside and len(beside) <= MOST_BESIDE_KEY


class SharedConnectionIsolation(Isolation):
    """Tenants who are told apart by what their statements carry.

    Options: `EXTRA_SCHEMAS` (schemas of extensions, in every tenant's search path),
    `APPLICATION_NAME` (pattern of the name that the server shows: `"shop:{key}"`).
    """

    option_names = frozenset({"APPLICATION_NAME", "EXTRA_SCHEMAS"})
    shares_connection = True

    def __init__(self, placement: Any) -> None:
        super().__init__(placement)
        self.extra = tuple(self.options.get("EXTRA_SCHEMAS", ()))
        self.application_name = self.options.get("APPLICATION_NAME", "")
        self._carried: dict[tuple[str, str, str], Carried] = {}

    @abstractmethod
    def home(self, ref: TenantRef) -> str:
        """Return the schema that holds the tenant's tables."""

    def rows_of(self, ref: TenantRef) -> str | None:
        """Return the mark of the tenant's rows, where it shares tables."""
        del ref
        return self._nobody

    @cached_property
    def _nobody(self) -> str | None:
        return nobody(self.database)

    def path(self, ref: TenantRef) -> tuple[str, ...]:
        """Return the schemas in which the tenant's statements look names up."""
        return (self.home(ref), *self.extra, PUBLIC)

    def carried(self, ref: TenantRef) -> Carried:
        """Return the settings that travel with each statement of the tenant."""
        found = self._carried.get((ref.key, ref.location, ref.kind))
        if found is None:
            name = self.application_name.replace("{key}", ref.key)
            found = carried(self.path(ref), self.rows_of(ref), name)
            if len(self._carried) >= MOST:
                self._carried.clear()
            self._carried[ref.key, ref.location, ref.kind] = found
        return found

    def problems(self) -> list[Problem]:
        """Return what is wrong with this placement's settings."""
        return list(self._problems())

    def _problems(self) -> Iterator[Problem]:
        where = f"DATABASES[{self.database!r}]"
        if self.engine != BACKEND:
            yield Problem(
                "E010",
                f"{where}['ENGINE'] is {self.engine!r}: {self.name} isolation needs "
                f"{BACKEND!r}.",
                "Only that engine sends each statement with its tenant.",
            )
        name = self.application_name
        if name and not _can_be_shown(name):
            yield Problem(
                "E070",
                f"OPTIONS['APPLICATION_NAME'] of placement {self.placement.alias!r} is "
                f"{name!r}.",
                "It is a string with '{key}' in it, of printable ASCII without a "
                f"backslash, and of {MOST_BESIDE_KEY} characters beside the key: "
                "PostgreSQL would cut or change another.",
            )

    def findings(self) -> list[Finding]:
        """Say whether the session's own path leads to nothing but shared tables."""
        path, role = self.execute(
            "SELECT reset_val, current_user FROM pg_settings WHERE name = 'search_path'"
        )[0]
        names = [part.strip().strip('"') for part in path.split(",")]
        there = self.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname = ANY(%s) ORDER BY nspname",
            [[role if name == "$user" else name for name in names]],
        )
        known = {PUBLIC, "pg_catalog", *self.extra}
        others = [name for (name,) in there if name not in known]
        if not others:
            text = "The session's own search_path leads to shared tables only."
            return [Finding(level="ok", name="session-path", text=text)]
        return [
            Finding(
                level="error",
                name="session-path",
                text=f"The session's own search_path, {path}, leads to the schema "
                f"{', '.join(others)}: a statement that is sent without a tenant, such "
                "as VACUUM, finds tables there.",
                next_step="ALTER ROLE … SET search_path TO public, of the role or the "
                "database; or add the schema to EXTRA_SCHEMAS, if tenants may see it.",
            )
        ]

    def execute(
        self,
        sql: str,
        params: Sequence[Any] | None = None,
        *,
        tenant: TenantRef | None = None,
    ) -> list[Any]:
        """Run the statement for the tenant, or for none, and return its rows."""
        connection = connections[self.database]
        with override_tenant(tenant), connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cast("list[Any]", cursor.fetchall()) if cursor.description else []

    def within_reach(self, tables: Sequence[str]) -> list[str]:
        """Return which of the tables are in `public`, which is in every path."""
        sql = (
            "SELECT tablename FROM pg_tables "
            "WHERE schemaname = %s AND tablename = ANY(%s)"
        )
        return sorted(row[0] for row in self.execute(sql, [PUBLIC, list(tables)]))

    def move(self, tables: Sequence[str], schema: str) -> None:
        """Move tables of `public` into the schema, with what is recorded of them."""
        home, source = quote(schema), f"{PUBLIC}.{RECORD}"
        recorded = f"{home}.{RECORD}"
        for table in tables:
            self.execute(f"ALTER TABLE {PUBLIC}.{quote(table)} SET SCHEMA {home}")
        self.execute(f"CREATE TABLE {recorded} (LIKE {source} INCLUDING ALL)")
        self.execute(f"INSERT INTO {recorded} SELECT * FROM {source}")
        self.execute(
            f"SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM {recorded}",
            [recorded],
        )
