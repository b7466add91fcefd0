"""Sees the tables of the active tenant only, or of the shared site only.

Django lists what the search path makes visible, `public` included, and would then take
a new tenant for one that is migrated already.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import introspection


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
