"""A stretch of a migration on shared tables, and the note that it is done.

The notes are in the database of the tables, so that one is written in the transaction
that does what it is about; they go when the migration is recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tenantry.fleet.pieces import DEFINING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.fleet.pieces import Stretch
    from tenantry.fleet.plan import PlannedMigration

DEFINES = re.compile(rf"(?:\s|--[^\n]*\n)*(?:{'|'.join(DEFINING)})\b", re.IGNORECASE)
NOTE = """
INSERT INTO tenantry.migration_steps (tables, app, name, operation, tenant, defined)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (tables, app, name, operation, tenant) DO {}
"""
NOTED = """
SELECT defined FROM tenantry.migration_steps
WHERE tables = %s AND app = %s AND name = %s AND operation = %s AND tenant = %s
"""
FORGET = """
DELETE FROM tenantry.migration_steps WHERE tables = %s AND app = %s AND name = %s
"""
ALL = ""


@dataclass(frozen=True, slots=True)
class Work:
    """A stretch of a planned migration, on the tables of a schema."""

    tables: str
    planned: PlannedMigration
    stretch: Stretch

    @property
    def atomic(self) -> bool:
        """Whether it is done in one transaction with its note."""
        asked = all(piece.in_transaction for piece in self.stretch.pieces)
        return self.planned.migration.atomic or (self.stretch.for_each and asked)

    def run(self, connection: Any, *, atomic: bool) -> None:
        """Do it."""
        self.stretch.run(connection, atomic=atomic)

    def _key(self, tenant: str) -> list[Any]:
        return [self.tables, *self.planned.name, self.stretch.number, tenant]

    def note(
        self, connection: Any, tenant: str = ALL, defined: Sequence[str] = ()
    ) -> bool:
        """Note it as done for the tenant, or for all; return whether it was not yet.

        Waits for another process that is at it. *defined*: the statements by which it
        has defined tables.
        """
        then = "UPDATE SET defined = EXCLUDED.defined" if defined else "NOTHING"
        with connection.cursor() as cursor:
            cursor.execute(NOTE.format(then), [*self._key(tenant), list(defined)])
            return bool(cursor.rowcount)

    def is_noted(self, connection: Any, tenant: str = ALL) -> bool:
        """Whether it is noted as done for the tenant, or for all."""
        with connection.cursor() as cursor:
            cursor.execute(NOTED, self._key(tenant))
            return cursor.fetchone() is not None

    def defined(self, connection: Any, tenant: str) -> list[str]:
        """Return the statements by which it has defined tables in that tenant."""
        with connection.cursor() as cursor:
            cursor.execute(NOTED, self._key(tenant))
            row = cursor.fetchone()
        return list(row[0]) if row else []

    @staticmethod
    def forget(connection: Any, tables: str, planned: PlannedMigration) -> None:
        """Remove the notes of a migration that is recorded."""
        with connection.cursor() as cursor:
            cursor.execute(FORGET, [tables, *planned.name])

    @staticmethod
    def defines(sql: Any) -> bool:
        """Whether the statement defines tables, indexes and the like."""
        return DEFINES.match(str(sql)) is not None
