"""Django's schema editor, told in which schema a table is made."""

from __future__ import annotations

from contextlib import nullcontext
from typing import Any

from django.db.backends.postgresql import schema

from tenantry.conf import conf
from tenantry.isolation.identifiers import quote


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Makes tables in the tenant's schema, or in the right one of the shared two."""

    connection: Any

    def create_model(self, model: Any) -> None:
        """Create the table; the shared half of an app in both lists apart."""
        both = model._meta.app_label in conf.both_apps
        connection = self.connection
        apart = both and connection.serves_shared and connection.tenant is None
        with self.connection.shared_half() if apart else nullcontext():
            super().create_model(model)

    def add_index(
        self,
        model: Any,
        index: Any,
        concurrently: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Add the index; concurrently, by the table's full name.

        Such a statement refuses a transaction, so it cannot carry its tenant.
        """
        if concurrently:
            statement = index.create_sql(model, self, concurrently=True)
            statement.parts["table"] = self._qualified(model._meta.db_table)
            self.execute(statement, params=None)
        else:
            super().add_index(model, index)

    def remove_index(
        self,
        model: Any,
        index: Any,
        concurrently: bool = False,  # noqa: FBT001, FBT002
    ) -> None:
        """Remove the index; concurrently, by its full name."""
        if concurrently:
            statement = index.remove_sql(model, self, concurrently=True)
            statement.parts["name"] = self._qualified(index.name)
            self.execute(statement, params=None)
        else:
            super().remove_index(model, index)

    def _qualified(self, name: str) -> str:
        """Return the name with the schema that PostgreSQL finds it in."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT n.nspname FROM pg_catalog.pg_class c "
                "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
                "WHERE c.oid = to_regclass(%s)",
                [quote(name)],
            )
            row = cursor.fetchone()
        return f"{quote(row[0])}.{quote(name)}" if row else quote(name)
