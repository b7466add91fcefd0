"""What each database engine does to make, copy and remove a tenant's database."""

from __future__ import annotations

import copy
import hashlib
import os
import shutil
import uuid
from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import quote as quote_url

from django.core.exceptions import ImproperlyConfigured
from django.db import connections

from tenantry.conf import Problem, conf
from tenantry.context import override_tenant
from tenantry.exceptions import LocationMissing, NotSupported
from tenantry.isolation.base import Applied, Template
from tenantry.isolation.identifiers import (
    MYSQL_MAX_BYTES,
    POSTGRESQL_MAX_BYTES,
    quote,
    quote_mysql,
    render,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenantry.types import TenantRef

APPLIED = "SELECT app, name FROM django_migrations"


class Engine(ABC):
    """One database engine, as `DatabaseIsolation` needs it."""

    default_name = "tenant_{key}"
    max_bytes: int
    supports_adoption = False

    def __init__(self, database: str, options: dict[str, Any]) -> None:
        self.database = database
        self.options = options

    @property
    def settings(self) -> dict[str, Any]:
        """Django's settings of the placement's database."""
        return cast("dict[str, Any]", connections.settings[self.database])

    def problems(self) -> list[Problem]:
        """Return what is wrong with the placement for this engine."""
        return []

    def location_for(self, key: str) -> str:
        """Return the name of the tenant's database."""
        pattern = self.options.get("NAME", self.default_name)
        return render(pattern, key, max_bytes=self.max_bytes)

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


class SQLite(Engine):
    """A file per tenant, in 256 folders, so that none of them grows large.

    Files are made by linking a finished copy to its name: a name is either not there
    or whole. Opened with `mode=rw`: a missing file is an error, not an empty database.
    """

    default_name = "{key}"
    max_bytes = 200
    supports_adoption = True
    side_files = ("-wal", "-shm", "-journal")

    @property
    def directory(self) -> Path:
        """Where the files of this placement are."""
        given = self.options.get("DIRECTORY")
        if given:
            return Path(given)
        return Path(self.settings["NAME"]).resolve().parent / "tenants"

    def problems(self) -> list[Problem]:
        """A database in memory has no folder beside it."""
        name = str(conf.databases[self.database].get("NAME", ""))
        if not self.options.get("DIRECTORY") and (not name or "memory" in name):
            return [
                Problem(
                    "E014",
                    f"DATABASES[{self.database!r}] is in memory, so there is no folder "
                    "beside it for the tenants' files.",
                    "Set OPTIONS['DIRECTORY'] of the placement.",
                )
            ]
        return []

    def location_for(self, key: str) -> str:
        """Return the file's path within the directory: `3f/acme.sqlite3`."""
        name = super().location_for(key)
        shard = hashlib.sha256(name.encode()).hexdigest()[:2]
        return f"{shard}/{name}.sqlite3"

    def template_location(self, token: str) -> str:
        """Return the template's path within the directory."""
        return f"template/{token}.sqlite3"

    def path(self, location: str) -> Path:
        """Return the file's full path."""
        return self.directory / location

    def wrapper_settings(self, location: str) -> dict[str, Any]:
        """Return settings with write-ahead log, busy timeout, and no silent file."""
        settings = super().wrapper_settings(location)
        settings["NAME"] = f"file:{quote_url(str(self.path(location)))}?mode=rw"
        options = settings["OPTIONS"]
        options.setdefault("timeout", 20)
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("init_command", "PRAGMA synchronous=NORMAL")
        return settings

    def exists(self, location: str) -> bool:
        """Whether the file is there."""
        return self.path(location).is_file()

    def create_empty(self, location: str) -> None:
        """Make an empty file, in write-ahead-log mode for good."""
        import sqlite3  # noqa: PLC0415  (a Python may lack it; other engines need not)

        path = self.path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    def copy(self, template: str, location: str) -> None:
        """Copy the template's file, then give it its name."""
        self.install(self.path(template), location)

    def install(self, source: Path, location: str) -> None:
        """Put a copy of the file at the location; do nothing where one is there."""
        path = self.path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            shutil.copyfile(source, unfinished)
            os.link(unfinished, path)
        except FileExistsError:
            return
        finally:
            unfinished.unlink(missing_ok=True)

    def destroy(self, location: str) -> None:
        """Remove the file and those that SQLite keeps beside it."""
        path = self.path(location)
        path.unlink(missing_ok=True)
        for suffix in self.side_files:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        for left_over in path.parent.glob(f".{path.name}.*"):
            left_over.unlink(missing_ok=True)

    def seal(self, location: str) -> Template | None:
        """Write the log back into the file, so that the file alone is the template."""
        import sqlite3  # noqa: PLC0415  (as above)

        connection = sqlite3.connect(self.path(location))
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return Template(token=location)

    def adopt(
        self, location: str, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Copy the tables to the tenant's file, then remove them from the shared one.

        The caller's transaction has the write lock, so no row can come in between.
        """
        shared = connections[self.database]
        kept = {*tables, "django_migrations"}
        unfinished = self.path(location).with_name(f".{uuid.uuid4().hex}")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            counts = _copy_tables(Path(self.settings["NAME"]), unfinished, kept)
            # Of a process that died before it had removed the rows: out of date by now.
            self.destroy(location)
            self.install(unfinished, location)
        finally:
            unfinished.unlink(missing_ok=True)
        with shared.cursor() as cursor:
            cursor.execute("PRAGMA defer_foreign_keys = ON")
            for table in tables:
                cursor.execute(f"SELECT count(*) FROM {quote(table)}")  # noqa: S608
                if cursor.fetchone()[0] != counts[table]:
                    msg = f"Table {table} was not copied whole; nothing was removed."
                    raise NotSupported(msg)
                cursor.execute(f"DELETE FROM {quote(table)}")  # noqa: S608
            for table in tables:
                if table not in halves:
                    cursor.execute(f"DROP TABLE {quote(table)}")

    def describe(self, location: str) -> dict[str, str]:
        """Return the file's path."""
        return {"file": str(self.path(location))}


def _copy_tables(source: Path, target: Path, kept: set[str]) -> dict[str, int]:
    """Copy a file with these tables only; return how many rows each has."""
    import sqlite3  # noqa: PLC0415  (a Python may lack it; other engines need not)

    origin, copied = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copied)
        copied.execute("PRAGMA foreign_keys = OFF")
        found = copied.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        counts = {}
        for (table,) in found:
            if table not in kept:
                copied.execute(f"DROP TABLE {quote(table)}")
            else:
                query = f"SELECT count(*) FROM {quote(table)}"  # noqa: S608
                counts[table] = copied.execute(query).fetchone()[0]
        copied.commit()
        copied.execute("VACUUM")
        copied.execute("PRAGMA journal_mode = WAL")
        return counts
    finally:
        origin.close()
        copied.close()


class Server(Engine):
    """An engine whose databases are made by statements on a server."""

    def _execute(self, sql: str, params: Sequence[Any] | None = None) -> list[Any]:
        with override_tenant(None), connections[self.database].cursor() as cursor:
            cursor.execute(sql, params)
            return cast("list[Any]", cursor.fetchall()) if cursor.description else []


class PostgreSQL(Server):
    """A database per tenant, copied by the server itself."""

    max_bytes = POSTGRESQL_MAX_BYTES

    def exists(self, location: str) -> bool:
        """Whether the database is there."""
        return bool(
            self._execute("SELECT 1 FROM pg_database WHERE datname = %s", [location])
        )

    def create_empty(self, location: str) -> None:
        """Make an empty database."""
        self._execute(f"CREATE DATABASE {quote(location)}")

    def copy(self, template: str, location: str) -> None:
        """Let the server copy the template."""
        self._execute(f"CREATE DATABASE {quote(location)} TEMPLATE {quote(template)}")

    def destroy(self, location: str) -> None:
        """Drop the database; sessions still in it are ended."""
        self._execute(f"DROP DATABASE IF EXISTS {quote(location)} WITH (FORCE)")

    def seal(self, location: str) -> Template | None:
        """Let nobody connect to it: the server refuses to copy a database in use."""
        self._execute(f"ALTER DATABASE {quote(location)} WITH ALLOW_CONNECTIONS false")
        return Template(token=location)


class MySQL(Server):
    """A MySQL or MariaDB database per tenant, copied table by table.

    Its DDL cannot be undone, so a copy is made under its final name and is whole only
    when its last table, `django_migrations`, is there: `exists` asks for that one.
    """

    max_bytes = MYSQL_MAX_BYTES
    marker = "django_migrations"

    def exists(self, location: str) -> bool:
        """Whether the database is there, and whole."""
        return bool(
            self._execute(
                "SELECT 1 FROM information_schema.tables "
                "WHERE table_schema = %s AND table_name = %s",
                [location, self.marker],
            )
        )

    def create_empty(self, location: str) -> None:
        """Make an empty database."""
        self._execute(f"CREATE DATABASE IF NOT EXISTS {quote_mysql(location)}")

    def copy(self, template: str, location: str) -> None:
        """Make each table as the template's, with its rows; the marker last."""
        self.destroy(location)
        self.create_empty(location)
        names = sorted(self._tables(template), key=lambda name: name == self.marker)
        with override_tenant(None), connections[self.database].cursor() as cursor:
            cursor.execute("SELECT DATABASE(), @@FOREIGN_KEY_CHECKS")
            before, checks = cursor.fetchone()
            try:
                cursor.execute("SET FOREIGN_KEY_CHECKS = 0")
                cursor.execute(f"USE {quote_mysql(location)}")
                for statement in self._copying(cursor, template, names):
                    cursor.execute(statement)
            finally:
                cursor.execute(f"SET FOREIGN_KEY_CHECKS = {int(checks)}")
                if before:
                    cursor.execute(f"USE {quote_mysql(before)}")

    def _copying(self, cursor: Any, template: str, names: list[str]) -> Iterator[str]:
        for name in names:
            source = f"{quote_mysql(template)}.{quote_mysql(name)}"
            cursor.execute(f"SHOW CREATE TABLE {source}")
            yield cursor.fetchone()[1]
            yield f"INSERT INTO {quote_mysql(name)} SELECT * FROM {source}"  # noqa: S608

    def _tables(self, location: str) -> list[str]:
        return [
            row[0]
            for row in self._execute(
                "SELECT table_name FROM information_schema.tables "
                "WHERE table_schema = %s AND table_type = 'BASE TABLE'",
                [location],
            )
        ]

    def destroy(self, location: str) -> None:
        """Drop the database."""
        self._execute(f"DROP DATABASE IF EXISTS {quote_mysql(location)}")

    def seal(self, location: str) -> Template | None:
        """Return the database as template, unless it has what is not copied."""
        other = self._execute(
            "SELECT 1 FROM information_schema.tables WHERE table_schema = %s AND "
            "table_type <> 'BASE TABLE' UNION ALL SELECT 1 FROM "
            "information_schema.triggers WHERE trigger_schema = %s UNION ALL SELECT 1 "
            "FROM information_schema.routines WHERE routine_schema = %s",
            [location, location, location],
        )
        return None if other else Template(token=location)


ENGINES: dict[str, type[Engine]] = {
    "sqlite3": SQLite,
    "postgresql": PostgreSQL,
    "postgis": PostgreSQL,
    "spatialite": SQLite,
    "mysql": MySQL,
}


def engine_for(dotted: str) -> type[Engine]:
    """Return the engine of a Django `ENGINE`, by the last part of its path."""
    try:
        return ENGINES[dotted.rpartition(".")[2]]
    except KeyError:
        msg = (
            f"Database isolation does not know the engine {dotted!r}. It knows SQLite, "
            "PostgreSQL, MySQL and MariaDB (django.db.backends.*, "
            "tenantry.backends.postgresql)."
        )
        raise ImproperlyConfigured(msg) from None
