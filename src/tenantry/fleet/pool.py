"""Migrates the tables that row tenants share: once for all, and rows for each tenant.

Schema operations run once, in the template, a tenant whose rows are beside the others'.
What works on rows runs in the template and then in each tenant, at its place in the
plan: with no tenant the policies would let it touch nothing, in silence. Each run is
noted in the transaction that does it, so what was interrupted goes on where it was.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder

from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError
from tenantry.fleet.pieces import pieces_of, stretches
from tenantry.fleet.runner import Step, run
from tenantry.fleet.work import (
    ALL,
    Work,
    defines,
    forget,
    is_recorded,
    notes_of,
    owe_signals,
    signals_due,
)
from tenantry.isolation.owner import as_owner
from tenantry.isolation.row import FRESH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tenantry.fleet.plan import PlannedMigration
    from tenantry.isolation import Isolation, RowIsolation
    from tenantry.isolation.shared_tables import SharedTables
    from tenantry.types import TenantRef


@dataclass(frozen=True, slots=True)
class Pool:
    """Tenants of one placement and kind, who share their tables."""

    isolation: RowIsolation
    kind: str
    is_fresh: bool = False
    """Whether it is one without tenants, made to make the template's rows."""

    @property
    def template(self) -> TenantRef:
        """The template, in which schema operations are run."""
        token = FRESH if self.is_fresh else ""
        return self.isolation.template_ref(token, self.kind)

    @property
    def tables(self) -> SharedTables:
        """The tables that they share."""
        return self.isolation.tables_of(self.template)

    def _rows(self) -> Any:
        return registry.tenant_model._base_manager.filter(
            placement=self.isolation.placement.alias, kind=self.kind
        ).order_by("key")

    def tenants(self) -> list[TenantRef]:
        """Return all tenants that have rows in the tables, whatever their state."""
        if self.is_fresh:
            return []
        with override_tenant(None):
            return [
                row.ref
                for row in self._rows()
                if row.state != State.PROVISIONING
                or self.isolation.is_occupied(row.ref)
            ]

    def everybody(self) -> list[TenantRef]:
        """Return the template and the tenants.

        Without the template, where its rows are yet to be made (tables that were
        adopted): it would get a part of them only.
        """
        tenants = self.tenants()
        if tenants and not self.tables.have_rows_of(self.template):
            return tenants
        return [self.template, *tenants]

    def active(self) -> set[TenantRef]:
        """Return the tenants that are routable."""
        with override_tenant(None):
            return {row.ref for row in self._rows().filter(state=State.ACTIVE)}

    @contextmanager
    def acting(self, ref: TenantRef) -> Iterator[Any]:
        """Let the owner act in the tenant; yield the connection."""
        with as_owner(), override_tenant(ref):
            yield connections[ref.label]

    @contextmanager
    def transaction(
        self, ref: TenantRef, *, alone: bool = False, lock: str = ""
    ) -> Iterator[Any]:
        """Open a transaction of the owner in the tenant; yield the connection.

        *alone*: until it ends no tenant is made, and no other process migrates. *lock*:
        nor is another of that name begun.
        """
        name = " ".join(filter(None, ["tenantry", self.tables.schema, lock]))
        with (
            self.acting(ref) as connection,
            transaction.atomic(using=ref.label, durable=True),
        ):
            if alone or lock:
                with connection.cursor() as cursor:
                    cursor.execute(
                        "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [name]
                    )
            yield connection

    def signals_due(self) -> bool:
        """Whether `post_migrate` of an earlier run has not reached all tenants."""
        with self.acting(self.template) as connection:
            return signals_due(connection, self.tables.schema)

    def owe_signals(self, *, settled: bool = False) -> None:
        """Note that `post_migrate` is due, or that it has reached everybody.

        A process may die before; until then no tenant is made, as the template may
        lack content types and permissions.
        """
        with self.transaction(self.template, alone=True) as connection:
            owe_signals(connection, self.tables.schema, settled=settled)


def pool_of(isolation: Isolation, kind: str) -> Pool:
    """Return the pool of an isolation that shares tables."""
    return Pool(cast("RowIsolation", isolation), kind)


def prepare(pool: Pool) -> None:
    """Make the schema, what protects its tables, and the record of migrations."""
    pool.tables.prepare()
    with pool.transaction(pool.template, alone=True) as connection:
        MigrationRecorder(connection).ensure_schema()
    pool.tables.grant()


def require_supported(pool: Pool, migrations: Sequence[PlannedMigration]) -> None:
    """Raise `NotSupported` for SQL that would mix tenants' rows."""
    with pool.acting(pool.template) as connection:
        for planned in migrations:
            pieces_of(planned, connection.schema_editor())


def migrate_pool(
    pool: Pool,
    migrations: Sequence[PlannedMigration],
    *,
    record: Callable[[Any, PlannedMigration], None],
    fake: bool = False,
    jobs: int = 1,
) -> None:
    """Apply the migrations to the tables, and to each tenant's rows.

    What was interrupted goes on where it was. Where a tenant fails, the others are done
    and nothing that follows is begun: raises its error as `LifecycleError`.
    """
    for planned in migrations:
        work = [] if fake else _work(pool, planned)
        if any(each.stretch.for_each for each in work) or not planned.migration.atomic:
            for each in work:
                _do(pool, each, jobs=jobs)
            work = []
        with pool.transaction(pool.template, alone=True) as connection:
            if is_recorded(connection, planned):
                continue  # another process has been faster
            for each in work:
                each.run(connection, atomic=True)
            record(connection, planned)
            forget(connection, pool.tables.schema, planned)


def _work(pool: Pool, planned: PlannedMigration) -> list[Work]:
    """Return what of a migration is left to do.

    Raises `LifecycleError` where an operation is another than when it was done.
    """
    tables = pool.tables.schema
    with pool.acting(pool.template) as connection:
        pieces = pieces_of(planned, connection.schema_editor())
        notes = notes_of(connection, tables, planned)
    abouts = dict(enumerate(piece.about for piece in pieces))
    for note in notes:
        if abouts.get(note.number) != note.about:
            raise LifecycleError(
                pool.template.key,
                str(planned.migration),
                f"its operation {note.number + 1} was {note.about!r} when it was done, "
                f"and is {abouts.get(note.number, 'gone')!r} now",
                next_step="Put back what is done; what follows it may be changed.",
            )
    done = {note.number for note in notes if note.tenant == ALL}
    left = [piece for piece in pieces if piece.for_each or piece.number not in done]
    return [Work(tables, planned, stretch) for stretch in stretches(left)]


def _do(pool: Pool, work: Work, *, jobs: int) -> None:
    """Do a stretch, where it is not done: once, or in the template and each tenant.

    One goes first: what is wrong is seen there, and tables are defined there.
    """
    if not work.stretch.for_each:
        _once(pool, work)
        return
    with pool.transaction(pool.template, alone=True) as connection:
        if is_recorded(connection, work.planned):
            return
        # From now on no tenant is made: each one there is among those that follow.
        work.note(connection)
    act = partial(_in_tenant, pool, work)
    first, *others = pool.everybody()
    done = run([first], act)
    if done[0].ok or first != pool.template:
        done += run(others, act, jobs=jobs)
    _raise_first(done, work)


def _once(pool: Pool, work: Work) -> None:
    """Do a stretch of tables, unless it is noted as done."""
    block = partial(pool.transaction, alone=True) if work.atomic else pool.acting
    with block(pool.template) as connection:
        if is_recorded(connection, work.planned) or work.is_noted(connection):
            return
        work.run(connection, atomic=work.atomic)
        work.note(connection)


def _in_tenant(pool: Pool, work: Work, ref: TenantRef) -> None:
    """Do a stretch of rows in the tenant, unless it is noted as done."""
    block = pool.transaction if work.atomic else pool.acting
    with block(ref) as connection:
        if work.atomic:
            if not work.claim(connection, ref.location):
                return
        elif work.is_noted(connection, ref.location):
            return
        with defining_once(connection, work.defined(connection)) as defined:
            work.run(connection, atomic=work.atomic)
        if defined:
            connection.schema_editor().harden()
        work.note(connection, ref.location, defined)


@contextmanager
def defining_once(connection: Any, known: Sequence[str]) -> Iterator[list[str]]:
    """Leave out, of an operation on rows, the known statements that define tables.

    Yields the list of those that are executed.
    """
    defined: list[str] = []

    def execute(act: Any, sql: Any, params: Any, *more: Any) -> Any:
        if defines(sql):
            if str(sql) in known:
                return None
            defined.append(str(sql))
        return act(sql, params, *more)

    with connection.execute_wrapper(execute):
        yield defined


def _raise_first(steps: Sequence[Step], work: Work) -> None:
    failed = [step for step in steps if step.error is not None]
    if failed:
        error = failed[0].error
        more = f" (and {len(failed) - 1} more tenants)" if failed[1:] else ""
        raise LifecycleError(
            failed[0].key,
            f"{work.planned.migration}, {work.stretch.about}",
            f"{type(error).__name__}: {error}{more}",
            next_step="The other tenants are done. When the cause is mended, run "
            "`manage.py tenants migrate` again: it goes on from here.",
        ) from error
