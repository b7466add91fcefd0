"""Sees the tables of the active tenant only, or of the shared site only.

Django lists what the search path makes visible, `public` included, and would then take
a new tenant for one that is migrated already. The column that marks rows of row tenants
is hidden: Django's schema operations find each constraint by its own columns.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import introspection

from tenantry.isolation.tables import KEY

# Of each foreign key the last column: in front of it may be the tenant's.
FOREIGN_KEYS = """
    SELECT f.conname, here.attname, there_table.relname, there.attname, f.confdeltype,
        there_table.relnamespace = here_table.relnamespace
    FROM pg_catalog.pg_constraint f
    JOIN pg_catalog.pg_class here_table ON here_table.oid = f.conrelid
    JOIN pg_catalog.pg_class there_table ON there_table.oid = f.confrelid
    JOIN pg_catalog.pg_attribute here ON here.attrelid = f.conrelid
        AND here.attnum = f.conkey[cardinality(f.conkey)]
    JOIN pg_catalog.pg_attribute there ON there.attrelid = f.confrelid
        AND there.attnum = f.confkey[cardinality(f.confkey)]
    WHERE f.contype = 'f' AND here_table.relname = %s
        AND pg_catalog.pg_table_is_visible(here_table.oid)
"""


class DatabaseIntrospection(introspection.DatabaseIntrospection):
    """Django's introspection, within the schemas that are the connection's own."""

    connection: Any

    def get_table_list(self, cursor: Any) -> list[Any]:
        """Return the tables and views of the tenant, or of the shared site."""
        cursor.execute(
            """
            SELECT c.relname,
                CASE WHEN c.relispartition THEN 'p'
                     WHEN c.relkind IN ('m', 'v') THEN 'v' ELSE 't' END,
                obj_description(c.oid, 'pg_class')
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relkind IN ('f', 'm', 'p', 'r', 'v') AND n.nspname = ANY(%s)
                AND pg_catalog.pg_table_is_visible(c.oid)
            """,
            [list(self.connection.own_schemas)],
        )
        return [
            introspection.TableInfo(*row)
            for row in cursor.fetchall()
            if row[0] not in self.ignored_tables
        ]

    def get_table_description(self, cursor: Any, table_name: str) -> list[Any]:
        """Return the columns, but for the one that marks a tenant's rows."""
        described = super().get_table_description(cursor, table_name)
        return [column for column in described if column.name != KEY]

    def get_relations(self, cursor: Any, table_name: str) -> dict[str, Any]:
        """Return the foreign keys by column, as Django does; of row tenants as well."""
        if not self.connection.shares_tables:
            return super().get_relations(cursor, table_name)
        cursor.execute(FOREIGN_KEYS, [table_name])
        actions = getattr(self, "on_delete_types", None)  # from Django 6.1 on
        return {
            here: (there, table, *([actions.get(action)] if actions else []))
            for _, here, table, there, action, same_schema in cursor.fetchall()
            if same_schema
        }

    def get_constraints(self, cursor: Any, table_name: str) -> dict[str, Any]:
        """Return the constraints and indexes, without the tenant's column."""
        found: dict[str, Any] = super().get_constraints(cursor, table_name)
        if not self.connection.shares_tables:
            return found
        for constraint in found.values():
            hide_tenant(constraint)
        cursor.execute(FOREIGN_KEYS, [table_name])
        for name, _, table, column, *_ in cursor.fetchall():
            found[name]["foreign_key"] = (table, column)
        return found


def hide_tenant(constraint: dict[str, Any]) -> None:
    """Remove the tenant's column from what a constraint or an index is on."""
    columns = constraint["columns"]
    if not columns or columns[0] != KEY:
        return
    for name in ("columns", "orders"):
        rest = (constraint.get(name) or [None])[1:]
        if name in constraint:
            constraint[name] = [] if rest == [None] else rest
