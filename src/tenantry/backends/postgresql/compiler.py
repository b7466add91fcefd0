"""`GROUP BY` a model's primary key, where that key begins with the tenant.

PostgreSQL lets a query select columns that it does not group by, if it groups by the
whole primary key of their table. On row tenants' tables that key has one column more
than Django knows.
"""

from __future__ import annotations

from typing import Any

from django.db.backends.postgresql import compiler
from django.db.models.expressions import RawSQL

from tenantry.backends.postgresql.rows import is_tenants
from tenantry.isolation.tables import KEY

django: Any = compiler  # django-stubs do not know it

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
        return [*found, *(self._key(alias) for alias in sorted(tables))]

    def _key(self, alias: str) -> RawSQL:
        quote = self.connection.ops.quote_name
        return RawSQL(f"{quote(alias)}.{quote(KEY)}", ())  # noqa: S611  (quoted names)
