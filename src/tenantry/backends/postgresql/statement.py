"""Sends each statement together with the tenant it is for.

In autocommit PostgreSQL runs the statements of one message as one transaction, so a
`SET LOCAL` in front ends with the statement. Inside a transaction it is sent in front
of each statement as well: nothing is left on the server that could be remembered,
forgotten by a rollback, or found by the next user of a pooled connection.

A statement whose parameters the server binds is a message of its own; `binding.py`
sends it and the setting as a pipeline. In a pipeline that the caller opened, the
setting is queued in front of each statement.
"""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

from psycopg import ClientCursor, errors, pq

from tenantry.isolation.base import NOTHING

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator

    from tenantry.isolation.base import Carried

# Statements that PostgreSQL refuses in a transaction, or that must reach a transaction
# that has failed, are sent as they are. Names in them are then looked up in the
# session's own path, which holds no tenant's schema: qualify them.
AS_IT_IS = re.compile(
    rb"""(?>\s|--[^\n]*\n|/\*.*?\*/)*+
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
ORDINARY = (b"SELECT ", b"INSERT ", b"UPDATE ", b"DELETE ")
ANOTHER_FOLLOWS = re.compile(rb";\s*[^\s;]")
FIRST_LINE = re.compile(r"\bLINE (\d+):")


class CarryingCursor:
    """Mixin of a psycopg cursor: sends what is carried in front of each statement.

    `carry` returns the settings for the tenant active at that moment. They are put in
    front where psycopg hands the statement over to libpq, so that parameters, results,
    errors and the logged query are those of the caller's statement alone. `adapt`
    returns the statement as the tables of row tenants need it.
    """

    carry: Callable[[], Carried] | None = None
    adapt: Callable[[Any], Any] | None = None
    format: pq.Format
    is_told = False
    _conn: Any
    _pgconn: Any
    _prefix = NOTHING

    def _carried(self) -> Carried:
        """Return what the next statement has to carry: nothing, where that was told."""
        return NOTHING if self.carry is None or self.is_told else self.carry()

    def _maybe_prepare_gen(
        self, query: Any, **kwargs: Any
    ) -> Generator[Any, Any, None]:
        if self._conn._pipeline:  # noqa: SLF001
            self._queue_in_front(query.query)
        return super()._maybe_prepare_gen(query, **kwargs)  # type: ignore[misc,no-any-return]

    def _queue_in_front(self, text: bytes) -> None:
        """Queue the settings in the caller's pipeline, in front of the statement.

        Of any statement, as an earlier one in the pipeline may have told another
        tenant; except in a transaction that has failed, which takes its end alone.
        """
        carried = self._carried()
        failed = self._pgconn.transaction_status == pq.TransactionStatus.INERROR
        if carried.statements and not (failed and AS_IT_IS.match(text)):
            pipeline = self._conn._pipeline  # noqa: SLF001
            pipeline.command_queue.append(
                partial(self._pgconn.send_query_params, carried.select, None)
            )
            pipeline.result_queue.append(None)

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Self:
        """Execute the query, as its tenant's tables need it."""
        if self.adapt is not None:
            query = self.adapt(query)
        super().execute(query, params, **kwargs)  # type: ignore[misc]
        return self

    def _execute_send(self, query: Any, **kwargs: Any) -> None:
        prefix = NOTHING if self._conn._pipeline else self._carried()  # noqa: SLF001
        text = query.query
        if prefix.statements and not text.startswith(ORDINARY):
            prefix = NOTHING if self._goes_alone(text) else prefix
        self._prefix = prefix
        if not prefix.statements:
            super()._execute_send(query, **kwargs)  # type: ignore[misc]
            return
        if self._is_binary(kwargs.get("binary")):
            raise errors.NotSupportedError(
                "Binary results need OPTIONS['server_side_binding'] = True."
            )
        self._query = query
        self._pgconn.send_query(prefix.sql + text)

    def _is_binary(self, asked: bool | None) -> bool:  # noqa: FBT001
        return bool(self.format) if asked is None else asked

    def _set_results(self, results: list[Any]) -> None:
        del results[: self._prefix.statements]
        super()._set_results(results)  # type: ignore[misc]

    def _raise_for_result(self, result: Any) -> NoReturn:
        try:
            super()._raise_for_result(result)  # type: ignore[misc]
        except errors.Error as error:
            if self._prefix.statements:
                _point_into_query(error, self._prefix)
            raise
        raise AssertionError  # psycopg's own always raises

    def _goes_alone(self, text: bytes) -> bool:
        """Whether the statement is sent as it is.

        Never within a healthy transaction: an earlier statement may have told it
        another tenant. Nor where more statements follow in the same message.
        """
        return (
            self._pgconn.transaction_status != pq.TransactionStatus.INTRANS
            and AS_IT_IS.match(text) is not None
            and ANOTHER_FOLLOWS.search(text) is None
        )

    def executemany(
        self,
        query: Any,
        params_seq: Iterable[Any],
        **kwargs: Any,
    ) -> None:
        """Execute the query for each set of parameters, all in one transaction.

        In a pipeline of the caller's each of them carries its tenant.
        """
        if self.adapt is not None:
            query = self.adapt(query)
        with nullcontext() if self._conn._pipeline else _told(self):  # noqa: SLF001
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
    transaction, and stay those of the tenant it was declared in. In a transaction the
    query runs on at each FETCH, which is therefore told that tenant again.
    """

    carry: Callable[[], Carried] | None = None
    is_told = False
    _conn: Any
    _pgconn: Any
    _declared = NOTHING

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Self:
        """Declare the cursor for the query, in its tenant."""
        self._declared = NOTHING if self.carry is None else self.carry()
        with _told(self):
            super().execute(query, params, **kwargs)  # type: ignore[misc]
        return self

    def _fetch_gen(self, number: int | None) -> Generator[Any, Any, Any]:
        yield from self._tell_again_gen()
        return (yield from super()._fetch_gen(number))  # type: ignore[misc]

    def _scroll_gen(self, value: int, mode: str) -> Generator[Any, Any, None]:
        yield from self._tell_again_gen()
        yield from super()._scroll_gen(value, mode)  # type: ignore[misc]

    def _tell_again_gen(self) -> Generator[Any, Any, None]:
        running = self._pgconn.transaction_status == pq.TransactionStatus.INTRANS
        if running and self._declared.statements:
            yield from self._conn._exec_command(self._declared.select)  # noqa: SLF001


@contextmanager
def _told(cursor: Any) -> Iterator[None]:
    """Give the cursor a transaction that knows its tenant; its own, in autocommit."""
    connection = cursor.connection
    prefix = cursor.carry() if cursor.carry is not None else NOTHING
    if not prefix.statements:
        yield
        return
    idle = connection.info.transaction_status == pq.TransactionStatus.IDLE
    own = connection.transaction() if connection.autocommit and idle else nullcontext()
    with own:
        ClientCursor(connection).execute(prefix.sql)
        cursor.is_told = True
        try:
            yield
        finally:
            cursor.is_told = False


def _point_into_query(error: errors.Error, prefix: Carried) -> None:
    """Make the error's text and position those of the caller's statement."""
    if error.args and isinstance(error.args[0], str):
        text = FIRST_LINE.sub(
            lambda found: f"LINE {max(int(found[1]) - prefix.statements, 1)}:",
            error.args[0],
            count=1,
        )
        error.args = (text, *error.args[1:])
    field = pq.DiagnosticField.STATEMENT_POSITION
    position = error.diag.statement_position
    if position is not None:
        facts = dict(cast("Any", errors._info_to_dict(error._info)))  # noqa: SLF001
        facts[field] = str(int(position) - len(prefix.sql.decode())).encode()
        error._info = facts  # noqa: SLF001
