"""Sends each statement together with the tenant it is for.

In autocommit PostgreSQL runs the statements of one message as one transaction, so a
`SET LOCAL` in front ends with the statement. Inside a transaction it is sent in front
of each statement as well: nothing is left on the server that could be remembered,
forgotten by a rollback, or found by the next user of a pooled connection.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self, cast

from psycopg import ClientCursor, errors, pq, sql

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# Statements that PostgreSQL refuses in a transaction, or that must reach a transaction
# that has failed, are sent as they are. Names in them are then looked up in the
# session's own path, which holds no tenant's schema: qualify them.
AS_IT_IS = re.compile(
    r"""(?>\s|--[^\n]*\n|/\*.*?\*/)*+
    (?:savepoint|rollback|release|commit|begin|start|abort|end|prepare\s+transaction
      |vacuum|discard|cluster|alter\s+system|checkpoint
      |(?:create|drop)\s+(?:database|tablespace|subscription)
      |alter\s+database
      |alter\s+table\b.*\bconcurrently
      |create\s+(?:unique\s+)?index\s+concurrently
      |drop\s+index\s+concurrently
      |reindex\b.*\bconcurrently
      |reindex\s+(?:\([^)]*\)\s*)?(?:database|system|schema))\b""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
PREFIX = re.compile(r"\ASET LOCAL search_path TO [^;]*;\n")
ANOTHER_FOLLOWS = re.compile(r";\s*[^\s;]")
FIRST_LINE = re.compile(r"\bLINE (\d+):")


class CarryingCursor:
    """Mixin of a psycopg cursor: sends what is carried in front of each statement.

    `carry` returns the setting for the tenant active at that moment.
    """

    carry: Callable[[], str] | None = None
    rowcount: int

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Self:
        """Execute the query in its tenant; results are the query's own only."""
        prefix = self.carry() if self.carry is not None else ""
        if not prefix or self._goes_alone(query):
            super().execute(query, params, **kwargs)  # type: ignore[misc]
            return self
        try:
            super().execute(_join(prefix, query), params, **kwargs)  # type: ignore[misc]
        except errors.Error as error:
            _point_into_query(error, prefix)
            raise
        self.nextset()  # type: ignore[attr-defined]
        return self

    def _goes_alone(self, query: Any) -> bool:
        """Whether the query is sent as it is.

        Never within a healthy transaction: an earlier statement may have told it
        another tenant. Nor where more statements follow in the same message.
        """
        status = self.connection.pgconn.transaction_status  # type: ignore[attr-defined]
        return (
            status != pq.TransactionStatus.INTRANS
            and isinstance(query, str)
            and AS_IT_IS.match(query) is not None
            and ANOTHER_FOLLOWS.search(query) is None
        )

    def executemany(
        self,
        query: Any,
        params_seq: Iterable[Any],
        **kwargs: Any,
    ) -> None:
        """Execute the query for each set of parameters, all in one transaction."""
        with _told(self):
            super().executemany(query, params_seq, **kwargs)  # type: ignore[misc]

    @contextmanager
    def copy(self, statement: Any, params: Any = None, **kwargs: Any) -> Iterator[Any]:
        """COPY in a transaction that was told its tenant."""
        with (
            _told(self),
            super().copy(statement, params, **kwargs) as copy,  # type: ignore[misc]
        ):
            yield copy

    def stream(self, query: Any, params: Any = None, **kwargs: Any) -> Iterator[Any]:
        """Stream rows in a transaction that was told its tenant."""
        with _told(self):
            yield from super().stream(query, params, **kwargs)  # type: ignore[misc]


class CarryingServerCursor:
    """Mixin of a named cursor: declared in a transaction that was told its tenant.

    In autocommit the cursor is declared WITH HOLD, so its rows outlive that
    transaction, and stay those of the tenant it was declared in.
    """

    carry: Callable[[], str] | None = None

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Self:
        """Declare the cursor for the query, in its tenant."""
        with _told(self):
            super().execute(query, params, **kwargs)  # type: ignore[misc]
        return self


@contextmanager
def _told(cursor: Any) -> Iterator[None]:
    """Give the cursor a transaction that knows its tenant; its own, in autocommit."""
    connection = cursor.connection
    prefix = cursor.carry() if cursor.carry is not None else ""
    if not prefix:
        yield
    elif connection.autocommit and (
        connection.info.transaction_status == pq.TransactionStatus.IDLE
    ):
        with connection.transaction():
            ClientCursor(connection).execute(prefix)
            yield
    else:
        ClientCursor(connection).execute(prefix)
        yield


def _join(prefix: str, query: Any) -> Any:
    if isinstance(query, str):
        return prefix + query
    if isinstance(query, bytes):
        return prefix.encode() + query
    return sql.SQL(prefix) + query


def _point_into_query(error: errors.Error, prefix: str) -> None:
    """Make the error's text and position those of the caller's statement."""
    if error.args and isinstance(error.args[0], str):
        text = FIRST_LINE.sub(
            lambda found: f"LINE {max(int(found[1]) - 1, 1)}:", error.args[0], count=1
        )
        error.args = (text, *error.args[1:])
    field = pq.DiagnosticField.STATEMENT_POSITION
    position = error.diag.statement_position
    if position is not None:
        facts = dict(cast("Any", errors._info_to_dict(error._info)))  # noqa: SLF001
        facts[field] = str(int(position) - len(prefix)).encode()
        error._info = facts  # noqa: SLF001


def without_prefix(statement: str) -> str:
    """Return the statement as the caller wrote it, for `connection.queries`."""
    return PREFIX.sub("", statement, count=1)
