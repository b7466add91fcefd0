"""Schema operations on the tables that row tenants share.

The editor emits the tenant's column in front of each key and index itself: a pass
afterwards would be too late for the next foreign key. Django's state never sees the
column.
"""

from __future__ import annotations

import re
from itertools import count
from typing import TYPE_CHECKING, Any

from django.db.backends.postgresql import schema as django_schema
from django.db.backends.utils import split_identifier
from django.db.utils import ProgrammingError
from psycopg.errors import InvalidForeignKey

from tenantry import guards
from tenantry.backends.postgresql.schema import DatabaseSchemaEditor
from tenantry.exceptions import NotSupported
from tenantry.isolation.identifiers import POSTGRESQL_MAX_BYTES, literal, quote
from tenantry.isolation.tables import KEY, RECORD

if TYPE_CHECKING:
    from collections.abc import Iterator

DJANGO: Any = django_schema.DatabaseSchemaEditor
Base: Any = DatabaseSchemaEditor  # django-stubs do not know all of it
FIRST = f"({quote(KEY)}, %(columns)s)"
COLUMN = f'{quote(KEY)} text COLLATE "C" NOT NULL DEFAULT tenantry.current_tenant()'
KEYS = {"PRIMARY KEY": "pkey", "UNIQUE": "key"}
ALTER = re.compile(r"\s*alter\b", re.IGNORECASE)
EXCLUDE = re.compile(r"\bEXCLUDE USING (\w+) \(", re.IGNORECASE)
SET_COLUMN_POSTGRESQL = 150000
BTREE = ("", " USING btree")


def with_tenant(template: str) -> str:
    """Return the template of a statement with the tenant in front of its columns."""
    return template.replace("(%(columns)s)", FIRST)


class RowSchemaEditor(Base):  # type: ignore[misc]
    """Django's schema editor for tables of row tenants."""

    sql_create_table = DJANGO.sql_create_table.replace(
        "%(definition)s", f"%(definition)s, {COLUMN}"
    )
    sql_pk_constraint = with_tenant(DJANGO.sql_pk_constraint)
    sql_create_pk = with_tenant(DJANGO.sql_create_pk)
    sql_unique_constraint = with_tenant(DJANGO.sql_unique_constraint)
    sql_create_unique = with_tenant(DJANGO.sql_create_unique)
    sql_create_unique_index = with_tenant(DJANGO.sql_create_unique_index)
    # No key can be said within a column's definition: it would be without the tenant.
    sql_create_column_inline_fk = None
    # The owner is under the policy as well, and would see no row to update.
    sql_update_with_default = (
        "ALTER TABLE %(table)s NO FORCE ROW LEVEL SECURITY; "
        f"{DJANGO.sql_update_with_default}; "
        "ALTER TABLE %(table)s FORCE ROW LEVEL SECURITY"
    )

    def create_model(self, model: Any) -> None:
        """Create the table, with its keys, and protect it before any row is in it."""
        if not is_tenants(model):
            self._as_django(DJANGO.create_model, model)
            return
        DJANGO.create_model(self, model)
        self._add_keys(model, model._meta.local_fields)
        table = self.quote_name(model._meta.db_table)
        self.execute(f"CALL tenantry.protect({literal(table)})", None)

    def _as_django(self, method: Any, *args: Any) -> None:
        """Do as Django does, for a table that belongs to no tenant: the record."""
        plain = DatabaseSchemaEditor(self.connection, collect_sql=self.collect_sql)
        plain.deferred_sql = self.deferred_sql
        method(plain, *args)

    def _iter_column_sql(self, *args: Any) -> Iterator[str]:
        """Leave the keys out: `_add_keys` adds them, with the tenant in front."""
        return (part for part in super()._iter_column_sql(*args) if part not in KEYS)

    def _add_keys(self, model: Any, fields: Any) -> None:
        """Add the primary key and unique constraints of fields, under their names."""
        table = model._meta.db_table
        for field in fields:
            if field.column is None or not (field.primary_key or field.unique):
                continue
            kind = "PRIMARY KEY" if field.primary_key else "UNIQUE"
            column = "" if field.primary_key else field.column
            name = self._free_name(table, column, KEYS[kind])
            self.execute(
                f"ALTER TABLE {self.quote_name(table)} ADD CONSTRAINT {quote(name)} "
                f"{kind} ({quote(KEY)}, {self.quote_name(field.column)})",
                None,
            )

    def _free_name(self, table: str, column: str, label: str) -> str:
        """Return the name of a key; numbered, as PostgreSQL does, where it is taken."""
        if self.collect_sql:
            return default_name(table, column, label)
        (schema,) = self.connection.own_schemas
        for number in count():
            name = default_name(table, column, f"{label}{number or ''}")
            with self.connection.cursor() as cursor:
                cursor.execute(
                    "SELECT to_regclass(%s)", [f"{quote(schema)}.{quote(name)}"]
                )
                if cursor.fetchone()[0] is None:
                    break
        return name

    def add_field(self, model: Any, field: Any) -> None:
        """Add the column, and its keys at once, so that rows may follow."""
        before = len(self.deferred_sql)
        super().add_field(model, field)
        if field.many_to_many or field.column is None:
            return
        self._add_keys(model, [field])
        if field.remote_field and field.db_constraint:
            self._add_foreign_key(model, self.deferred_sql.pop(before))

    def _add_foreign_key(self, model: Any, statement: Any) -> None:
        """Add it, checked at once: rows written next leave no check to do, as Django's.

        With one to do PostgreSQL would refuse to alter the table in this transaction.
        """
        namespace, _ = split_identifier(model._meta.db_table)
        within = f"{self.quote_name(namespace)}." if namespace else ""
        name = statement.parts["name"]
        self.execute(f"{statement}; SET CONSTRAINTS {within}{name} IMMEDIATE", None)

    def _create_index_sql(self, model: Any, *, using: str = "", **more: Any) -> Any:
        """Put the tenant first in btree indexes; others cannot begin with a text."""
        statement = super()._create_index_sql(model, using=using, **more)
        if using in BTREE:
            statement.template = with_tenant(statement.template)
        return statement

    def _create_fk_sql(self, model: Any, field: Any, suffix: str) -> Any:
        """Refer to the same tenant's row, where the other table is tenants' as well."""
        statement = super()._create_fk_sql(model, field, suffix)
        if not is_tenants(field.target_field.model):
            return statement
        statement.template = statement.template.replace(
            "%(column)s", f"{quote(KEY)}, %(column)s"
        ).replace("%(to_column)s", f"{quote(KEY)}, %(to_column)s")
        action = statement.parts.get("on_delete_db", "")
        if "SET" in action:
            if self.connection.pg_version < SET_COLUMN_POSTGRESQL:
                msg = (
                    f"{field}: ON DELETE {action.split('DELETE ')[-1]} of a row "
                    "tenant's table needs PostgreSQL 15 or newer."
                )
                raise NotSupported(msg)
            column = self.quote_name(field.column)
            statement.parts["on_delete_db"] = f"{action} ({column})"
        return statement

    def execute(self, sql: Any, params: Any = ()) -> Any:
        """Execute; exclusion constraints compare rows of one tenant only.

        A table that raw SQL makes has no tenant's column yet: it is hardened later.
        """
        text = str(sql)
        found = EXCLUDE.search(text)
        if found is not None and (KEY in text or ALTER.match(text)):
            sql = self._exclude_within_tenant(str(sql), found)
        try:
            return super().execute(sql, params)
        except ProgrammingError as error:
            if isinstance(error.__cause__, InvalidForeignKey):
                msg = (
                    "A foreign key to a tenant's table needs the tenant in front: let "
                    "`ALTER TABLE … ADD FOREIGN KEY (…) REFERENCES … (…)` make it, "
                    "after its table, or an operation of Django."
                )
                raise NotSupported(msg) from error
            raise

    def harden(self) -> None:
        """Make tables that raw SQL has made tenant tables.

        Rows that are in them already become those of the active tenant.
        """
        with self.connection.cursor() as cursor:
            cursor.execute("CALL tenantry.harden(current_schema()::text)")

    def _exclude_within_tenant(self, sql: str, found: re.Match[str]) -> str:
        with self.connection.cursor() as cursor:
            cursor.execute("CALL tenantry.require_gist(%s)", [found[1].lower()])
        return EXCLUDE.sub(f"EXCLUDE USING {found[1]} ({quote(KEY)} WITH =, ", sql)


def is_tenants(model: Any) -> bool:
    """Whether the model's table holds tenants' rows: all do but Django's record."""
    label = model._meta.app_label
    side = guards.sides_now()[label]
    return label != RECORD and (side.tenants or not side.shared)


def default_name(table: str, column: str, label: str) -> str:
    """Return the name that PostgreSQL gives a constraint said within a column.

    As its `makeObjectName`: of table and column the longer one is cut, to 63 bytes.
    """
    parts = [part for part in (table, column) if part]
    room = POSTGRESQL_MAX_BYTES - len(label) - len(parts)
    while sum(len(part.encode()) for part in parts) > room:
        longest = max(range(len(parts)), key=lambda i: (len(parts[i].encode()), -i))
        parts[longest] = parts[longest][:-1]
    return "_".join([*parts, label])
