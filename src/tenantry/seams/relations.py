"""Seams of foreign keys that lead from a tenant's tables to another database.

A tenant whose database holds no shared tables can neither enforce a key to one nor join
it. The key is stored; what it leads to is read by a query of its own.
"""

from __future__ import annotations

from typing import Any

from django.db.models.fields.related import ForeignKey
from django.db.models.sql import compiler

from tenantry import guards
from tenantry.seams.substitution import seam, wrap

ENFORCED = "db_constraint"


class EnforcedWhereItLeads:
    """`ForeignKey.db_constraint`: as declared, and False where it leads elsewhere."""

    def __get__(self, field: Any, owner: type[Any] | None = None) -> Any:
        if field is None:
            return self
        declared = field.__dict__[ENFORCED]
        return declared and not guards.leads_elsewhere(field)

    def __set__(self, field: Any, declared: Any) -> None:
        field.__dict__[ENFORCED] = declared


@seam
def keys_to_other_databases_are_not_enforced() -> None:
    """The schema editor asks each key whether the database is to enforce it."""
    setattr(ForeignKey, ENFORCED, EnforcedWhereItLeads())


@seam
def other_databases_are_not_joined() -> None:
    """`select_related` saves queries and means no more: there it is left out."""

    def select_related_descend(original: Any, field: Any, *args: Any) -> bool:
        return original(field, *args) and not guards.leads_elsewhere(field)

    wrap(compiler, "select_related_descend", select_related_descend)
