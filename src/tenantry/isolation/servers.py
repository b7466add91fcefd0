"""A database per tenant on a server: PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from django.db import connections

from tenantry.context import override_tenant
from tenantry.isolation.base import Template
from tenantry.isolation.engines import Engine
from tenantry.isolation.identifiers import (
    MYSQL_MAX_BYTES,
    POSTGRESQL_MAX_BYTES,
    quote,
    quote_mysql,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


class Server(Engine):
    """An engine whose databases are made by statements on a server."""

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        """Give a cursor; inside a test's transaction one of another connection.

        Servers refuse to make a database in a transaction, or end it for that.
        """
        with override_tenant(None):
            connection = connections[self.database]
            apart = connection.in_atomic_block and self.isolation.in_tests
            made = connection._nodb_cursor() if apart else connection.cursor()  # noqa: SLF001
            with made as cursor:
                yield cursor

    def _execute(self, sql: str, params: Sequence[Any] | None = None) -> list[Any]:
        with self._cursor() as cursor:
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
        self._execute(f"CREATE DATABASE {quote_mysql(location)}")

    def copy(self, template: str, location: str) -> None:
        """Make each table as the template's, with its rows; the marker last."""
        self.create_empty(location)
        names = sorted(self._tables(template), key=lambda name: name == self.marker)
        with self._cursor() as cursor:
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
            yield f"INSERT INTO {quote_mysql(name)} SELECT * FROM {source}"

    def is_occupied(self, location: str) -> bool:
        """Whether there is such a database, whole or not."""
        sql = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"
        return bool(self._execute(sql, [location]))

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
