"""SQL of Django's engine, shown as the caller wrote it and kept to the own schema."""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import operations

from tenantry.backends.postgresql.statement import without_prefix


class DatabaseOperations(operations.DatabaseOperations):
    """Django's operations; logged queries do not show what travels in front."""

    def last_executed_query(
        self,
        cursor: Any,
        sql: str,
        params: Any,
    ) -> str:
        """Return the statement that was executed, without what it carried."""
        return without_prefix(super().last_executed_query(cursor, sql, params))
