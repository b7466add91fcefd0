"""What of a migration is done once, and what for each tenant, where tables are shared.

Schema operations change the tables of all at once. `RunPython` works on rows. `RunSQL` may
do either: its words tell which.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from django.db import router
from django.db.migrations import RunPython, RunSQL, SeparateDatabaseAndState

from tenantry.exceptions import NotSupported

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.fleet.plan import PlannedMigration

DEFINES = re.compile(
    r"\b(?:create|alter|drop|comment\s+on|grant|revoke|reindex|rename)\b", re.IGNORECASE
)
CHANGES = re.compile(
    r"\b(?:insert\s+into|update|delete\s+from|merge\s+into)\b", re.IGNORECASE
)
REFUSED = re.compile(r"\btruncate\b", re.IGNORECASE)
FIRST_WORD = re.compile(r"(?:\s|--[^\n]*\n|/\*.*?\*/|\()*(\w+)", re.DOTALL)
CODE = {"do", "call"}
DEFINING = {"create", "alter", "drop", "comment", "grant", "revoke", "reindex"}


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a migration: its effect, and whether each tenant needs it."""

    run: Callable[[Any], None]
    each: bool
    about: str
    atomic: bool = False
    """Whether it is to have a transaction of its own in a migration that has none."""
    raw: bool = False
    """Whether its SQL is the project's own, so that tables it makes are not ours yet."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Pieces that follow each other and are done together: once, or for each tenant."""

    number: int
    pieces: tuple[Piece, ...]
    each: bool

    @property
    def about(self) -> str:
        """What it does, in words."""
        return "; ".join(piece.about for piece in self.pieces)


def stretches(planned: PlannedMigration, editor: Any) -> list[Stretch]:
    """Return the migration's pieces, those that are done once together.

    Each data operation is a stretch of its own: it may see what the last one did.
    """
    found: list[tuple[tuple[int, bool], Piece]] = []
    number = 0
    for piece in pieces(planned, editor):
        if piece.each or (found and found[-1][1].each):
            number += 1
        found.append(((number, piece.each), piece))
    return [
        Stretch(number, tuple(piece for _, piece in group), each)
        for (number, each), group in groupby(found, key=lambda pair: pair[0])
    ]


def pieces(planned: PlannedMigration, editor: Any) -> Iterator[Piece]:
    """Yield the pieces of a migration in the order in which they are done."""
    label = planned.migration.app_label
    order = reversed(planned.operations) if planned.backwards else planned.operations
    for each in order:
        before, after = each.before, each.after
        if planned.backwards:
            before, after = after, before
        yield from _of(
            each.operation, label, editor, _Way(before, after, planned.backwards)
        )


@dataclass(frozen=True, slots=True)
class _Way:
    """From which state to which an operation leads, and whether that is backwards."""

    start: Any
    end: Any
    backwards: bool


def _of(operation: Any, label: str, editor: Any, way: _Way) -> Iterator[Piece]:
    if isinstance(operation, SeparateDatabaseAndState):
        for inner, inner_way in _inner(operation, label, way):
            yield from _of(inner, label, editor, inner_way)
    elif isinstance(operation, RunSQL):
        yield from _of_sql(operation, label, editor, backwards=way.backwards)
    else:
        yield Piece(
            _by_django(operation, label, way),
            each=isinstance(operation, RunPython),
            about=operation.describe(),
            atomic=bool(operation.atomic),
            raw=isinstance(operation, RunPython),
        )


def _by_django(operation: Any, label: str, way: _Way) -> Callable[[Any], None]:
    def run(editor: Any) -> None:
        act = (
            operation.database_backwards
            if way.backwards
            else operation.database_forwards
        )
        act(label, editor, way.start, way.end)

    return run


def _inner(operation: Any, label: str, way: _Way) -> Iterator[tuple[Any, _Way]]:
    """Yield the database operations of one that has its state apart, as Django does."""
    state = way.end if way.backwards else way.start
    steps = []
    for each in operation.database_operations:
        after = state.clone()
        each.state_forwards(label, after)
        steps.append((each, state, after))
        state = after
    for each, before, after in reversed(steps) if way.backwards else steps:
        ends = (after, before) if way.backwards else (before, after)
        yield each, _Way(*ends, way.backwards)


def _of_sql(
    operation: Any, label: str, editor: Any, *, backwards: bool
) -> Iterator[Piece]:
    given = operation.reverse_sql if backwards else operation.sql
    if given is None or given == RunSQL.noop:
        return
    if isinstance(given, str):
        given = editor.connection.ops.prepare_sql_script(given)
    for statement in given:
        sql, params = (statement, None) if isinstance(statement, str) else statement
        each = for_each(sql)
        yield Piece(
            _by_sql(operation, label, sql, params),
            each=each,
            about=" ".join(str(sql).split())[:80],
            atomic=each,
            raw=True,
        )


def _by_sql(operation: Any, label: str, sql: Any, params: Any) -> Callable[[Any], None]:
    def run(editor: Any) -> None:
        alias = editor.connection.alias
        if router.allow_migrate(alias, label, **operation.hints):
            editor.execute(sql, params=params)

    return run


def for_each(sql: str) -> bool:
    """Whether a statement works on rows, so that it is run for each tenant.

    Raises `NotSupported` for one that would work on all tenants' rows at once, or of
    which the words do not tell.
    """
    if REFUSED.search(sql):
        msg = (
            "RunSQL: TRUNCATE knows no row-level security, so it would remove all "
            f"tenants' rows: {' '.join(sql.split())[:80]!r}. Use DELETE."
        )
        raise NotSupported(msg)
    first = FIRST_WORD.match(sql)
    word = first[1].lower() if first else ""
    if word in DEFINING:
        return False
    if word not in CODE:
        return word not in {"set", "reset", "lock", "analyze", "vacuum"}
    defines, changes = DEFINES.search(sql), CHANGES.search(sql)
    if defines and changes:
        msg = (
            "RunSQL: this code both changes tables, which is done once, and rows, which "
            f"is done for each tenant: {' '.join(sql.split())[:80]!r}. Split it."
        )
        raise NotSupported(msg)
    return not defines
