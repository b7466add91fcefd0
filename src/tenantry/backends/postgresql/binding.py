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
    from collections.abc import Iterator

    from tenantry.isolation.base import Carried


class BoundCursor(CarryingCursor):
    """Mixin of a psycopg cursor whose parameters are bound by the server.

    A statement without parameters is sent as text, as by psycopg: it may be several.
    """

    def _maybe_prepare_gen(
        self, query: Any, *, prepare: bool | None = None, binary: bool | None = None
    ) -> Iterator[Any]:
        carried = self._carried()
        if self._conn._pipeline or not carried.statements:  # noqa: SLF001
            yield from super()._maybe_prepare_gen(query, prepare=prepare, binary=binary)
            return
        plan = self._get_prepared(query, prepare)  # type: ignore[attr-defined]
        as_text = plan[0] is Prepare.NO and not query.params
        if as_text and not self._is_binary(binary):
            yield from super()._maybe_prepare_gen(query, prepare=prepare, binary=binary)
            return
        self._prefix = NOTHING
        self.is_told = True
        try:
            yield from self._in_one_go_gen(carried, query, plan, binary=binary)
        finally:
            self.is_told = False

    def _in_one_go_gen(
        self,
        carried: Carried,
        query: Any,
        plan: tuple[Prepare, bytes],
        *,
        binary: bool | None,
    ) -> Iterator[Any]:
        """Send the settings and the statement; take what the statement returned."""
        prepare, name = plan
        pgconn = self._pgconn
        pgconn.enter_pipeline_mode()
        try:
            pgconn.send_query_params(carried.select, None)
            if prepare is Prepare.SHOULD:
                self._send_prepare(name, query)
            if prepare is Prepare.NO:
                self._execute_send(query, force_extended=True, binary=binary)
            else:
                self._send_query_prepared(name, query, binary=binary)
        finally:
            pgconn.pipeline_sync()
            groups = yield from _results_gen(pgconn)
        self._check_results([result for group in groups for result in group])
        own = groups[2 if prepare is Prepare.SHOULD else 1]
        statements = self._conn._prepared  # noqa: SLF001
        key = statements.maybe_add_to_cache(query, prepare, name)
        if key is not None:
            statements.validate(key, prepare, name, own)
        self._set_results(own)


def _results_gen(pgconn: Any) -> Iterator[Any]:
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
