"""Django's operations, for tables and sequences that other tenants use as well."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import operations

from tenantry.isolation.identifiers import literal
from tenantry.isolation.owner import owners


class DatabaseOperations(operations.DatabaseOperations):
    """Django's own, but for the connection of an active row tenant."""

    connection: Any
    compiler_module = "tenantry.backends.postgresql.compiler"

    def sql_flush(
        self,
        style: Any,
        tables: Any,
        *,
        reset_sequences: bool = False,
        allow_cascade: bool = False,
    ) -> list[str]:
        """Delete rows: TRUNCATE would remove everybody's, and is for the owner only.

        The audit's trigger lets them go in a transaction that says so.
        """
        if not (self.connection.shares_tables or self._serves()):
            return super().sql_flush(
                style,
                tables,
                reset_sequences=reset_sequences,
                allow_cascade=allow_cascade,
            )
        delete = style.SQL_KEYWORD("DELETE FROM")
        return [
            "SET LOCAL tenantry.remove_entries = 'on';",
            *(f"{delete} {style.SQL_FIELD(self.quote_name(each))};" for each in tables),
        ]

    def _serves(self) -> bool:
        """Whether another role than the connection's owns the tables."""
        alias = self.connection.configured_alias
        return bool(owners[alias] != alias)

    def sequence_reset_sql(self, style: Any, model_list: Any) -> list[str]:
        """Raise sequences to what the tenant has, and never lower them."""
        if not self.connection.shares_tables:
            return super().sequence_reset_sql(style, model_list)
        return [
            self._raise_sequence(model._meta.db_table, field.column)
            for model in model_list
            for field in model._meta.local_fields
            if field.get_internal_type().endswith("AutoField")
        ]

    def sequence_reset_by_name_sql(self, style: Any, sequences: Any) -> list[str]:
        """Leave the sequences as they are: other tenants draw from them."""
        if not self.connection.shares_tables:
            return super().sequence_reset_by_name_sql(style, sequences)
        return []

    def _raise_sequence(self, table: str, column: str) -> str:
        name, field = self.quote_name(table), self.quote_name(column)
        return (
            f"SELECT tenantry.raise_sequence(s::regclass, (SELECT max({field}) "  # noqa: S608  (quoted names)
            f"FROM {name})) FROM pg_get_serial_sequence({literal(name)}, "
            f"{literal(column)}) s WHERE s IS NOT NULL;"
        )
