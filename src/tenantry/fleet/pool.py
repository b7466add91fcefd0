"""Migrates the tables that row tenants share: once for all, and data once for each.

Schema operations run once, in the template, which is a tenant whose rows are beside the
others'. What works on rows runs in the template and then in each tenant, at its place in
the plan: with no tenant the policies would let it touch nothing, in silence. Each such run
is noted in the transaction that does it, so that what was interrupted goes on where it
was.
"""

from __future__ import annotations

import re
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
from tenantry.fleet.pieces import Stretch, stretches
from tenantry.fleet.runner import Step, run
from tenantry.isolation import RowIsolation, isolations
from tenantry.isolation.owner import as_owner

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tenantry.fleet.plan import PlannedMigration
    from tenantry.isolation import Isolation
    from tenantry.types import TenantRef

DEFINES = re.compile(
    r"(?:\s|--[^\n]*\n)*(?:create|alter|drop|comment|grant|revoke)\b", re.IGNORECASE
)
ONCE = ""
OF_STEP = (
    "WHERE tables = %s AND app = %s AND name = %s AND operation = %s AND tenant = %s"
)


@dataclass(frozen=True, slots=True)
class Pool:
    """Tenants of one placement and kind, who share their tables."""

    isolation: RowIsolation
    kind: str

    @property
    def template(self) -> TenantRef:
        """The template, in which schema operations are run."""
        return self.isolation.template_ref(self.kind)

    @property
    def tables(self) -> str:
        """The schema of the tables."""
        return self.isolation.schema(self.kind)

    def tenants(self) -> list[TenantRef]:
        """Return all tenants that have rows in the tables, whatever their state."""
        with override_tenant(None):
            rows = registry.tenant_model._base_manager.filter(
                placement=self.isolation.placement.alias, kind=self.kind
            )
            return [
                row.ref
                for row in rows.order_by("key")
                if row.state != State.PROVISIONING or self.isolation.is_occupied(row.ref)
            ]

    def active(self) -> set[TenantRef]:
        """Return the tenants that are routable."""
        with override_tenant(None):
            rows = registry.tenant_model._base_manager.filter(
                placement=self.isolation.placement.alias,
                kind=self.kind,
                state=State.ACTIVE,
            )
            return {row.ref for row in rows}

    @contextmanager
    def acting(self, ref: TenantRef) -> Iterator[Any]:
        """Let the owner act in the tenant; yield a cursor."""
        with (
            as_owner(),
            override_tenant(ref),
            connections[ref.label].cursor() as cursor,
        ):
            yield cursor

    @contextmanager
    def transaction(self, ref: TenantRef, *, alone: bool = False) -> Iterator[Any]:
        """Open a transaction of the owner with the tenant active; yield its cursor.

        *alone*: no tenant is made, and no other process migrates, until it ends.
        """
        with (
            as_owner(),
            override_tenant(ref),
            transaction.atomic(using=ref.label, durable=True),
            self.acting(ref) as cursor,
        ):
            if alone:
                cursor.execute(
                    "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))",
                    [f"tenantry {self.tables}"],
                )
            yield cursor


def pool_of(isolation: Isolation, kind: str) -> Pool:
    """Return the pool of an isolation that shares tables."""
    return Pool(cast("RowIsolation", isolation), kind)


def prepare(pool: Pool) -> None:
    """Make the schema, what protects its tables, and the record of migrations."""
    pool.isolation.prepare(pool.kind)
    with as_owner(), override_tenant(pool.template):
        MigrationRecorder(connections[pool.template.label]).ensure_schema()
    pool.isolation.grant(pool.kind)


def migrate_pool(
    pool: Pool,
    migrations: Sequence[PlannedMigration],
    *,
    record: Callable[[Any, PlannedMigration], None],
    fake: bool = False,
    jobs: int = 1,
) -> None:
    """Apply the migrations to the tables, and to each tenant's rows.

    What was interrupted goes on where it was. Raises the first tenant's error as
    `LifecycleError`, when the others are done: nothing that follows is begun.
    """
    for planned in migrations:
        found = [] if fake else _stretches(pool, planned)
        if any(stretch.each for stretch in found) or not planned.migration.atomic:
            for stretch in found:
                _run(pool, planned, stretch, jobs=jobs)
            found = []
        with pool.transaction(pool.template, alone=True) as cursor:
            connection = connections[pool.template.label]
            if _is_recorded(connection, planned) != planned.backwards:
                continue
            for stretch in found:
                _in_tables(pool, stretch)
            record(connection, planned)
            cursor.execute(
                "DELETE FROM tenantry.migration_steps "
                "WHERE tables = %s AND app = %s AND name = %s",
                [pool.tables, *planned.name],
            )


def _stretches(pool: Pool, planned: PlannedMigration) -> list[Stretch]:
    with as_owner(), override_tenant(pool.template):
        return stretches(planned, connections[pool.template.label].schema_editor())


def _is_recorded(connection: Any, planned: PlannedMigration) -> bool:
    return planned.name in MigrationRecorder(connection).applied_migrations()


def _run(pool: Pool, planned: PlannedMigration, stretch: Stretch, *, jobs: int) -> None:
    """Do a stretch, where it is not done: once, or in the template and each tenant."""
    if not stretch.each:
        _once(pool, planned, stretch)
        return
    with pool.transaction(pool.template, alone=True) as cursor:
        # From now on no tenant is made: each one there is among those that follow.
        _note(cursor, pool, planned, stretch, ONCE)
    act = partial(_in_tenant, pool, planned, stretch)
    done = run([pool.template], act)
    if done[0].ok:
        done += run(pool.tenants(), act, jobs=jobs)
    _raise_first(done, planned, stretch)


def _in_tenant(
    pool: Pool, planned: PlannedMigration, stretch: Stretch, ref: TenantRef
) -> None:
    """Do a stretch of rows in the tenant, unless it is noted as done."""
    (piece,) = stretch.pieces
    atomic = planned.migration.atomic or piece.atomic
    with pool.transaction(ref) as cursor:
        if not _note(cursor, pool, planned, stretch, ref.location):
            return
        if atomic:
            _define_once(cursor, pool, planned, stretch, ref)
        else:
            transaction.set_rollback(True, using=ref.label)
    if not atomic:
        with pool.acting(ref) as cursor:
            _define_once(cursor, pool, planned, stretch, ref, atomic=False)
            _note(cursor, pool, planned, stretch, ref.location)


def _define_once(  # noqa: PLR0917  (the parts of one step)
    cursor: Any,
    pool: Pool,
    planned: PlannedMigration,
    stretch: Stretch,
    ref: TenantRef,
    *,
    atomic: bool = True,
) -> None:
    """Do the stretch; what it defines (tables, indexes) is there after the template."""
    where = [pool.tables, *planned.name, stretch.number, pool.template.location]
    cursor.execute(f"SELECT defined FROM tenantry.migration_steps {OF_STEP}", where)
    known = (cursor.fetchone() or [[]])[0]
    is_template = ref == pool.template
    defined: list[str] = []

    def execute(act: Any, sql: Any, params: Any, many: Any, context: Any) -> Any:
        text = str(sql)
        if DEFINES.match(text) is None:
            return act(sql, params, many, context)
        if text in known and not is_template:
            return None
        defined.append(text)
        return act(sql, params, many, context)

    connection = connections[ref.label]
    with connection.execute_wrapper(execute):
        _apply(connection, stretch, atomic=atomic)
    if defined:
        pool.isolation.harden(pool.kind)
    if defined and is_template:
        cursor.execute(
            f"UPDATE tenantry.migration_steps SET defined = %s {OF_STEP}",
            [defined, *where],
        )


def _once(pool: Pool, planned: PlannedMigration, stretch: Stretch) -> None:
    """Do a stretch of tables, unless it is noted as done."""
    ref = pool.template
    if planned.migration.atomic:
        with pool.transaction(ref, alone=True) as cursor:
            if _note(cursor, pool, planned, stretch, ONCE):
                _in_tables(pool, stretch)
        return
    with pool.acting(ref) as cursor:
        where = [pool.tables, *planned.name, stretch.number, ONCE]
        cursor.execute(f"SELECT 1 FROM tenantry.migration_steps {OF_STEP}", where)
        if cursor.fetchone() is None:
            _in_tables(pool, stretch, atomic=False)
            _note(cursor, pool, planned, stretch, ONCE)


def _in_tables(pool: Pool, stretch: Stretch, *, atomic: bool = True) -> None:
    """Do a stretch of tables; those that raw SQL has made are hardened."""
    _apply(connections[pool.template.label], stretch, atomic=atomic)
    if any(piece.raw for piece in stretch.pieces):
        pool.isolation.harden(pool.kind)


def _note(
    cursor: Any, pool: Pool, planned: PlannedMigration, stretch: Stretch, tenant: str
) -> bool:
    """Note the stretch as done for the tenant; return whether it was not yet."""
    cursor.execute(
        "INSERT INTO tenantry.migration_steps (tables, app, name, operation, tenant) "
        "VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [pool.tables, *planned.name, stretch.number, tenant],
    )
    return bool(cursor.rowcount)


def _apply(connection: Any, stretch: Stretch, *, atomic: bool) -> None:
    with connection.schema_editor(atomic=atomic) as editor:
        for piece in stretch.pieces:
            if not atomic and piece.atomic:
                with transaction.atomic(using=connection.alias):
                    piece.run(editor)
            else:
                piece.run(editor)


def _raise_first(
    steps: Sequence[Step], planned: PlannedMigration, stretch: Stretch
) -> None:
    failed = [step for step in steps if step.error is not None]
    if failed:
        raise LifecycleError(
            failed[0].key,
            f"{planned.migration}, {stretch.about}",
            f"{type(failed[0].error).__name__}: {failed[0].error}"
            + (f" (and {len(failed) - 1} more tenants)" if failed[1:] else ""),
            next_step="The other tenants are done. When the cause is mended, run "
            "`manage.py tenants migrate` again: it goes on from here.",
        ) from failed[0].error
