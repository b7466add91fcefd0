"""A stretch of a migration on shared tables, and the notes that it is done.

The notes are in the database of the tables, so that one is written in the transaction
that does what it is about; they go when the migration is recorded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction
from django.db.migrations.recorder import MigrationRecorder

from tenantry.fleet.pieces import DEFINING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.fleet.pieces import Stretch
    from tenantry.fleet.plan import PlannedMigration

DEFINES = re.compile(rf"(?:\s|--[^\n]*\n)*(?:{'|'.join(DEFINING)})\b", re.IGNORECASE)
NOTE = """
INSERT INTO tenantry.migration_steps
    (tables, app, name, operation, tenant, defined, about)
SELECT %s, %s, %s, piece.number, %s, %s::text[], piece.about
FROM unnest(%s::integer[], %s::text[]) AS piece (number, about)
ON CONFLICT (tables, app, name, operation, tenant) DO {}
"""
NOTES = """
SELECT operation, tenant, about, defined FROM tenantry.migration_steps
WHERE tables = %s AND app = %s AND name = %s
"""
FORGET = """
DELETE FROM tenantry.migration_steps WHERE tables = %s AND app = %s AND name = %s
"""
OWE = """
INSERT INTO tenantry.migration_steps (tables, app, name, operation, tenant)
VALUES (%s, '', 'post_migrate', 0, '')
ON CONFLICT (tables, app, name, operation, tenant) DO NOTHING
"""
DUE = """
SELECT 1 FROM tenantry.migration_steps
WHERE tables = %s AND app = '' AND name = 'post_migrate'
"""
SETTLE = """
DELETE FROM tenantry.migration_steps
WHERE tables = %s AND app = '' AND name = 'post_migrate'
"""
ALL = ""


class Note(NamedTuple):
    """That a piece of a migration is done for a tenant, or once for all.

    *defined*: the statements by which it has defined tables.
    """

    number: int
    tenant: str
    about: str
    defined: list[str]


def notes_of(connection: Any, tables: str, planned: PlannedMigration) -> list[Note]:
    """Return what is noted of a migration that is not recorded yet."""
    with connection.cursor() as cursor:
        cursor.execute(NOTES, [tables, *planned.name])
        return [Note(*row) for row in cursor.fetchall()]


def forget(connection: Any, tables: str, planned: PlannedMigration) -> None:
    """Remove the notes of a migration that is recorded."""
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [tables, *planned.name])


def is_recorded(connection: Any, planned: PlannedMigration) -> bool:
    """Whether nothing of the migration is left to do: it is recorded, or unrecorded.

    A squashed one is recorded by those that it replaces.
    """
    names = {tuple(each) for each in planned.migration.replaces} or {planned.name}
    rows = MigrationRecorder(connection).migration_qs
    found = rows.filter(name__in=[name for _, name in names])
    known = names.intersection(found.values_list("app", "name"))
    return not known if planned.backwards else known == names


def signals_due(connection: Any, tables: str) -> bool:
    """Whether it is noted that `post_migrate` has not reached everybody."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT to_regclass('tenantry.migration_steps')")
        if cursor.fetchone()[0] is None:
            return False
        cursor.execute(DUE, [tables])
        return cursor.fetchone() is not None


def owe_signals(connection: Any, tables: str, *, settled: bool) -> None:
    """Note that `post_migrate` is due, or remove the note."""
    with connection.cursor() as cursor:
        cursor.execute(SETTLE if settled else OWE, [tables])


def defines(sql: Any) -> bool:
    """Whether the statement defines tables, indexes and the like."""
    return DEFINES.match(str(sql)) is not None


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

    def note(
        self, connection: Any, tenant: str = ALL, defined: Sequence[str] = ()
    ) -> bool:
        """Note it as done for the tenant, or for all; return whether it was not yet.

        Waits for another process that is at it.
        """
        pieces = self.stretch.pieces
        then = "UPDATE SET defined = EXCLUDED.defined" if defined else "NOTHING"
        with connection.cursor() as cursor:
            cursor.execute(
                NOTE.format(then),
                [
                    *(self.tables, *self.planned.name, tenant, list(defined)),
                    [piece.number for piece in pieces],
                    [piece.about for piece in pieces],
                ],
            )
            return bool(cursor.rowcount)

    def claim(self, connection: Any, tenant: str) -> bool:
        """Note it as done in this transaction; return whether it is to be done in it.

        Not so where another process did it, or has recorded the migration meanwhile:
        the notes are gone then.
        """
        if not self.note(connection, tenant):
            return False
        if is_recorded(connection, self.planned):
            transaction.set_rollback(True, using=connection.alias)
            return False
        return True

    def notes(self, connection: Any) -> list[Note]:
        """Return what is noted of it."""
        mine = {piece.number for piece in self.stretch.pieces}
        found = notes_of(connection, self.tables, self.planned)
        return [note for note in found if note.number in mine]

    def is_noted(self, connection: Any, tenant: str = ALL) -> bool:
        """Whether it is noted as done for the tenant, or for all."""
        return any(note.tenant == tenant for note in self.notes(connection))

    def defined(self, connection: Any) -> list[str]:
        """Return the statements by which it has defined tables, for whatever tenant."""
        return [sql for note in self.notes(connection) for sql in note.defined]
