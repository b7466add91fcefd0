"""`GROUP BY` a model's primary key, where that key begins with the tenant.

PostgreSQL lets a query select columns that it does not group by, if it groups by the
whole primary key of their table. On row tenants' tables that key has one column more
than Django knows.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import compiler
from django.db.models import TextField
from django.db.models.expressions import Col

from tenantry.backends.postgresql.rows import is_tenants
from tenantry.isolation.tables import KEY

django: Any = compiler  # django-stubs do not know it
# A column as Django writes one: how it quotes the aliases of tables depends on its
# version.
KEY_FIELD: Any = TextField()
KEY_FIELD.column = KEY

SQLAggregateCompiler = django.SQLAggregateCompiler
SQLDeleteCompiler = django.SQLDeleteCompiler
SQLInsertCompiler = django.SQLInsertCompiler
SQLUpdateCompiler = django.SQLUpdateCompiler


class SQLCompiler(django.SQLCompiler):  # type: ignore[misc]
    """Django's own, which groups by whole primary keys."""

    def collapse_group_by(self, expressions: Any, having: Any) -> list[Any]:
        """Return what to group by: primary keys in place of all columns, whole."""
        found: list[Any] = super().collapse_group_by(expressions, having)
        if not self.connection.shares_tables:
            return found
        tables = {
            each.alias
            for each in found
            if hasattr(each, "target")
            and each.target.primary_key
            and is_tenants(each.target.model)
        }
        return [*found, *(Col(alias, KEY_FIELD) for alias in sorted(tables))]
