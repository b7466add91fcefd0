"""The tables that row tenants share: made, protected, read and emptied."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.db import IntegrityError, connections, transaction

from tenantry.context import override_tenant
from tenantry.isolation.identifiers import literal, quote
from tenantry.isolation.owner import as_owner
from tenantry.isolation.postgresql import PUBLIC, SHARED_SCHEMA
from tenantry.isolation.sql import statements
from tenantry.isolation.tables import (
    RECORD,
    at_once,
    by_reference,
    in_batches,
    refer_to_each_other,
    tenant_tables,
    together,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tenantry.isolation.base import Applied
    from tenantry.isolation.postgresql import SharedConnectionIsolation
    from tenantry.isolation.tables import Table
    from tenantry.types import TenantRef

# PostgreSQL does not let two sessions change rights or functions at once.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('tenantry', 0))"
RIGHTS = "SELECT, INSERT, UPDATE, DELETE"
ROWS_PER_BATCH = 5_000
PASSES = 3


class SharedTables:
    """The tables of a schema, on the database of an isolation."""

    def __init__(self, isolation: SharedConnectionIsolation, schema: str) -> None:
        self.database = isolation.database
        self.execute = isolation.execute
        self.schema = schema

    def _name(self, table: str) -> str:
        return f"{quote(self.schema)}.{quote(table)}"

    def are_there(self) -> bool:
        """Whether they have been made."""
        sql = "SELECT to_regclass(%s) IS NOT NULL"
        return bool(self.execute(sql, [self._name(RECORD)])[0][0])

    def tables(self) -> list[Table]:
        """Return them, but for Django's record of migrations."""
        return tenant_tables(self.execute, self.schema)

    def applied(self) -> Applied:
        """Return the migrations recorded of them; none where they are not there."""
        if not self.are_there():
            return frozenset()
        rows = self.execute(f"SELECT app, name FROM {self._name(RECORD)}")
        return frozenset((app, name) for app, name in rows)

    # What the owner does.

    def prepare(self) -> None:
        """Make the schema, and what protects tables, as the owner; or do nothing."""
        with (
            override_tenant(None),
            as_owner(),
            transaction.atomic(using=self.database),
        ):
            self.execute(ALONE)
            self.execute(statements("row")["support"])
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.schema)}")

    def grant(self) -> None:
        """Let the serving role use tables, shared ones too; and those made later.

        What has been migrated it may read only.
        """
        with as_owner(False):  # noqa: FBT003  (an owner may be acting already)
            role = self._role()
        with as_owner(), transaction.atomic(using=self.database):
            if role == self._role():
                return
            self.execute(ALONE)
            self._let_serve("tenantry", role, "SELECT")
            for name in (self.schema, PUBLIC, SHARED_SCHEMA):
                self._let_serve(name, role, RIGHTS)

    def _role(self) -> str:
        return str(self.execute("SELECT current_user")[0][0])

    def _let_serve(self, *facts: str) -> None:
        if self.execute("SELECT to_regnamespace(%s)", [quote(facts[0])])[0][0]:
            self.execute("CALL tenantry.let_serve(%s, %s, %s)", facts)

    def harden(self, ref: TenantRef | None = None) -> None:
        """Make every table a tenant table, those that are not yet.

        Rows that are in them become the tenant's.
        """
        with as_owner():
            self.execute("CALL tenantry.harden(%s)", [self.schema], tenant=ref)

    def remove(self) -> None:
        """Drop the schema with all its tables, and what is noted of them."""
        with as_owner():
            self.execute(f"DROP SCHEMA IF EXISTS {quote(self.schema)} CASCADE")
            forget = "DELETE FROM tenantry.migration_steps WHERE tables = %s"
            self.execute(forget, [self.schema])

    # Rows of one tenant.

    def have_rows_of(self, ref: TenantRef) -> bool:
        """Whether there are rows of the tenant."""
        if not self.are_there():
            return False
        asked = "SELECT tenantry.is_occupied(%s)"
        return bool(self.execute(asked, [self.schema], tenant=ref)[0][0])

    def rows_as_sql(self, ref: TenantRef) -> str:
        """Return the tenant's rows as SQL that makes them another's.

        It fails where the tables have been migrated since, or are being migrated.
        """
        number = self.execute(f"SELECT count(*) FROM {self._name(RECORD)}")[0][0]
        home = literal(self.schema)
        sql = [f"SELECT tenantry.require_at_rest({home}, {int(number)});"]
        with as_owner():
            for circle in by_reference(self.tables()):
                inserts = [self._inserts(table, ref) for table in circle]
                sql += together(filter(None, inserts))
        return "\n".join(sql)

    def _inserts(self, table: Table, ref: TenantRef) -> str:
        name = self._name(table.name)
        values = ", ".join(f"quote_nullable({quote(c)}::text)" for c in table.columns)
        rows = self.execute(
            f"SELECT '(' || concat_ws(', ', {values}) || ')' FROM {name}", tenant=ref
        )
        if not rows:
            return ""
        listed = ",\n".join(row[0] for row in rows)
        return f"INSERT INTO {name} ({table.column_list}) VALUES\n{listed}"

    def copy_rows_of(self, ref: TenantRef, source: SharedTables) -> None:
        """Copy the tenant's rows from tables that are migrated alike, as the owner."""
        with as_owner(), transaction.atomic(using=self.database):
            for circle in by_reference(self.tables()):
                copies = [
                    f"INSERT INTO {self._name(table.name)} ({table.column_list}) "
                    f"SELECT {table.column_list} FROM {source._name(table.name)}"
                    for table in circle
                ]
                for sql in together(copies):
                    self.execute(sql, tenant=ref)

    def delete_rows_of(self, ref: TenantRef) -> Iterator[int]:
        """Delete every row of the tenant; yield how many each batch has deleted.

        Rows that refer to others go first. A request that was under way may write
        while the tenant goes: what it has written goes as well.
        """
        for _ in range(PASSES):
            with suppress(IntegrityError):  # a row that refers to one was just written
                yield from self._delete_once(ref)
            if not self.have_rows_of(ref):
                return
        yield from self._delete_once(ref)

    def _delete_once(self, ref: TenantRef) -> Iterator[int]:
        for circle in reversed(list(by_reference(self.tables()))):
            yield from self._delete(ref, circle)

    def _delete(self, ref: TenantRef, circle: Sequence[Table]) -> Iterator[int]:
        """Delete the tenant's rows of a table, or of tables in a circle of references.

        First, in batches, rows that no other refers to; what is left refers to each
        other in a circle, and goes by one statement: it has no order.
        """
        batches = in_batches(self.schema, circle, ROWS_PER_BATCH)
        while number := self._count(ref, batches):
            yield number
        left = [at_once(self.schema, circle)] if refer_to_each_other(circle) else []
        if number := self._count(ref, left):
            yield number

    def _count(self, ref: TenantRef, sql: Sequence[Any]) -> int:
        """Run each statement for the tenant; return how many rows they deleted."""
        number = 0
        with override_tenant(ref), connections[ref.label].cursor() as cursor:
            for each in sql:
                cursor.execute(each)
                number += cursor.fetchone()[0]
        return number
