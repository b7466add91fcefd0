"""Sends a statement whose parameters the server binds, together with its tenant.

Such a statement is one message and cannot have a setting in front. Both are sent in
one go as a pipeline of libpq, which PostgreSQL runs as one transaction up to its end:
one round trip, and nothing is left on the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import generators, pq
from psycopg._preparing import Prepare

from tenantry.backends.postgresql.statement import CarryingCursor
from tenantry.isolation.base import NOTHING

if TYPE_CHECKING:
    from collections.abc import Generator

    from tenantry.isolation.base import Carried


class BoundCursor(CarryingCursor):
    """Mixin of a psycopg cursor whose parameters are bound by the server.

    A statement without parameters is sent as text, as by psycopg: it may be several.
    """

    def _maybe_prepare_gen(
        self, query: Any, **kwargs: Any
    ) -> Generator[Any, Any, None]:
        carried = self._carried()
        as_usual = super()._maybe_prepare_gen(query, **kwargs)
        if self._conn._pipeline or not carried.statements:  # noqa: SLF001
            yield from as_usual
            return
        binary = kwargs.get("binary")
        plan = self._get_prepared(  # type: ignore[attr-defined]
            query, kwargs.get("prepare")
        )
        as_text = plan[0] is Prepare.NO and not query.params
        if as_text and not self._is_binary(binary):
            yield from as_usual
            return
        self._prefix = NOTHING
        self.is_told = True
        try:
            yield from _in_one_go_gen(self, carried, query, plan=plan, binary=binary)
        finally:
            self.is_told = False


def _in_one_go_gen(
    cursor: Any,
    carried: Carried,
    query: Any,
    *,
    plan: tuple[Prepare, bytes],
    binary: bool | None,
) -> Generator[Any, Any, None]:
    """Send the settings and the statement; let the cursor have what it returned.

    What psycopg does with a statement, but for the settings in front: so that an error
    of any of them, and of the transaction's end, is raised as its own would be.
    """
    prepare, name = plan
    pgconn = cursor.connection.pgconn
    pgconn.enter_pipeline_mode()
    try:
        pgconn.send_query_params(carried.select, None)
        if prepare is Prepare.SHOULD:
            cursor._send_prepare(name, query)  # noqa: SLF001
        if prepare is Prepare.NO:
            cursor._execute_send(query, force_extended=True, binary=binary)  # noqa: SLF001
        else:
            cursor._send_query_prepared(name, query, binary=binary)  # noqa: SLF001
    finally:
        pgconn.pipeline_sync()
        groups = yield from _results_gen(pgconn)
    cursor._check_results([result for group in groups for result in group])  # noqa: SLF001
    own = groups[2 if prepare is Prepare.SHOULD else 1]
    statements = cursor.connection._prepared  # noqa: SLF001
    key = statements.maybe_add_to_cache(query, prepare, name)
    if key is not None:
        statements.validate(key, prepare, name, own)
    cursor._set_results(own)  # noqa: SLF001


def _results_gen(pgconn: Any) -> Generator[Any, Any, list[Any]]:
    """Return the results of each command of the pipeline, and end the pipeline.

    An error of the transaction's end comes after them, as a group of its own.
    """
    groups = []
    yield from generators.send(pgconn)
    while True:
        group = yield from generators.fetch_many(pgconn)
        if not group or group[0].status == pq.ExecStatus.PIPELINE_SYNC:
            break
        groups.append(group)
    pgconn.exit_pipeline_mode()
    return groups
