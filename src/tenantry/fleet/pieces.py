"""What of a migration is done once, and what for each tenant, where tables are shared.

Schema operations change the tables of all at once. `RunPython` works on rows. `RunSQL`
may do either: its words tell which.
"""

from __future__ import annotations

import re
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import router, transaction
from django.db.migrations import RunPython, RunSQL, SeparateDatabaseAndState

from tenantry.exceptions import NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from tenantry.fleet.plan import PlannedMigration

FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(\w+)", re.DOTALL)
DEFINING = {"create", "alter", "drop", "comment", "grant", "revoke", "reindex"}
ONCE = DEFINING | {"set", "reset", "lock", "analyze", "vacuum"}
CODE = {"do", "call"}
DEFINES = re.compile(rf"\b(?:{'|'.join(DEFINING)})\b", re.IGNORECASE)
CHANGES = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|merge\s+into)\b", re.IGNORECASE
)
TRUNCATES = re.compile(r"\btruncate\b", re.IGNORECASE)
COPIES_FROM = re.compile(r"\bfrom\b", re.IGNORECASE)
ABOUT = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """A part of a migration: its effect, and whether each tenant needs it.

    *number* is its place in the migration, from 0.
    *in_transaction* is whether it asks for one where its migration has none; *is_raw*
    whether it may define tables by SQL that does not know the tenant's column.
    """

    number: int = 0
    run: Callable[[Any], None]
    for_each: bool
    in_transaction: bool = False
    is_raw: bool = False
    about: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Stretch:
    """Pieces that follow each other and are done together: once, or for each tenant."""

    pieces: tuple[Piece, ...]
    for_each: bool

    @property
    def about(self) -> str:
        """What it does, in words."""
        return "; ".join(piece.about for piece in self.pieces)

    def run(self, connection: Any, *, atomic: bool) -> None:
        """Do the pieces on the connection, as the executor of Django does.

        Tables that the project's own SQL has made are hardened before the next piece.
        """
        with connection.schema_editor(atomic=atomic) as editor:
            for piece in self.pieces:
                alone = piece.in_transaction and not atomic
                with transaction.atomic(connection.alias) if alone else nullcontext():
                    piece.run(editor)
                    if piece.is_raw:
                        editor.harden()


def pieces_of(planned: PlannedMigration, editor: Any) -> list[Piece]:
    """Return the pieces of a migration in the order in which they are done.

    Raises `NotSupported` for SQL that would mix tenants' rows.
    """
    found = Cutter(planned, editor).pieces()
    return [replace(piece, number=number) for number, piece in enumerate(found)]


def stretches(pieces: Iterable[Piece]) -> list[Stretch]:
    """Return the pieces put together that are done together.

    Each piece on rows is a stretch of its own: it may see what the last one did.
    """
    numbered: list[tuple[int, Piece]] = []
    for piece in pieces:
        last = numbered[-1] if numbered else (0, piece)
        apart = piece.for_each or last[1].for_each
        numbered.append((last[0] + apart, piece))
    return [
        Stretch(pieces=together, for_each=together[0].for_each)
        for _, group in groupby(numbered, key=lambda pair: pair[0])
        for together in [tuple(piece for _, piece in group)]
    ]


class Cutter:
    """Cuts a planned migration into pieces."""

    def __init__(self, planned: PlannedMigration, editor: Any) -> None:
        self.planned = planned
        self.label = planned.migration.app_label
        self.editor = editor

    def pieces(self) -> Iterator[Piece]:
        """Yield the pieces in the order in which they are done."""
        steps = self.planned.operations
        for each in reversed(steps) if self.planned.backwards else steps:
            yield from self._of(each.operation, each.before, each.after)

    def _of(self, operation: Any, before: Any, after: Any) -> Iterator[Piece]:
        if isinstance(operation, SeparateDatabaseAndState):
            for inner in self._inner(operation, before):
                yield from self._of(*inner)
        elif isinstance(operation, RunSQL):
            yield from self._of_sql(operation)
        else:
            yield Piece(
                run=partial(self._by_django, (operation, before, after)),
                for_each=isinstance(operation, RunPython),
                in_transaction=bool(operation.atomic),
                about=self._about(operation),
            )

    def _about(self, operation: Any) -> str:
        if not isinstance(operation, RunPython):
            return str(operation.describe())
        backwards = self.planned.backwards
        code: Any = operation.reverse_code if backwards else operation.code
        return f"RunPython({getattr(code, '__name__', type(code).__name__)})"

    def _by_django(self, step: tuple[Any, Any, Any], /, editor: Any) -> None:
        operation, before, after = step
        if self.planned.backwards:
            operation.database_backwards(self.label, editor, after, before)
        else:
            operation.database_forwards(self.label, editor, before, after)

    def _inner(self, operation: Any, state: Any) -> list[tuple[Any, Any, Any]]:
        """Return the database operations of one that has its state apart."""
        steps = []
        for each in operation.database_operations:
            after = state.clone()
            each.state_forwards(self.label, after)
            steps.append((each, state, after))
            state = after
        return steps[::-1] if self.planned.backwards else steps

    def _of_sql(self, operation: Any) -> Iterator[Piece]:
        backwards = self.planned.backwards
        given = operation.reverse_sql if backwards else operation.sql
        if not given:
            return
        if isinstance(given, str):
            given = self.editor.connection.ops.prepare_sql_script(given)
        for statement in given:
            sql, params = (statement, None) if isinstance(statement, str) else statement
            for_each = is_for_each(sql)
            yield Piece(
                run=partial(self._by_sql, operation, (sql, params)),
                for_each=for_each,
                is_raw=not for_each,
                about=" ".join(sql.split())[:ABOUT],
            )

    def _by_sql(self, operation: Any, statement: Any, /, editor: Any) -> None:
        alias = editor.connection.alias
        if router.allow_migrate(alias, self.label, **operation.hints):
            sql, params = statement
            editor.execute(sql, params=params)


def is_for_each(sql: str) -> bool:
    """Whether a statement works on rows, so that it is run for each tenant.

    Raises `NotSupported` for one that would work on all tenants' rows at once, and for
    code that does both.
    """
    first = FIRST_WORD.match(sql)
    word = first[1].lower() if first else ""
    _refuse(word, sql)
    if word not in CODE:
        return word not in ONCE
    return DEFINES.search(sql) is None


def _refuse(word: str, sql: str) -> None:
    """Raise `NotSupported` for a statement that would mix tenants' rows."""
    if word == "truncate" or (word in CODE and TRUNCATES.search(sql)):
        why = "TRUNCATE knows no row-level security; use DELETE"
    elif word == "copy" and COPIES_FROM.search(sql):
        why = "COPY FROM knows no row-level security; use INSERT"
    elif word in CODE and DEFINES.search(sql) and CHANGES.search(sql):
        why = (
            "This code changes tables, which is done once, and rows, which is done for "
            "each tenant; split it into two operations"
        )
    else:
        return
    msg = f"{why}: {' '.join(sql.split())[:ABOUT]!r}."
    raise NotSupported(msg)
