"""Migrates a fleet by shared work: for each tenant only its own SQL is left to do."""

from __future__ import annotations

import time
from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.management.sql import (
    emit_post_migrate_signal,
    emit_pre_migrate_signal,
)
from django.db import connections, transaction
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

from tenantry.fleet.pool import migrate_pool, prepare, require_supported
from tenantry.fleet.runner import Step, run
from tenantry.signals import tenant_migrated

if TYPE_CHECKING:
    from tenantry.fleet.plan import FleetPlan, Group, PlannedMigration
    from tenantry.fleet.pool import Pool
    from tenantry.fleet.runner import Watch
    from tenantry.types import TenantRef


def migrate_fleet(
    plan: FleetPlan, *, jobs: int = 1, fake: bool = False, watch: Watch | None = None
) -> list[Step]:
    """Bring each tenant to the plan's targets; return a step for each that was behind.

    One tenant's failure stops no other. The first tenant of each group goes alone, so
    that what is wrong with a migration is seen on one; the others follow all the same.
    Tenants whose state could not be read are failed steps.
    """
    steps = [
        Step(key=ref.key, seconds=0.0, error=error)
        for ref, error in plan.unreadable.items()
    ]
    for step in steps:
        if watch is not None:
            watch(step)
    for group in plan.groups:
        if group.is_done:
            continue
        if group.pool is not None:
            steps += migrate_together(
                group, group.pool, fake=fake, jobs=jobs, watch=watch
            )
            continue
        action = partial(migrate_tenant, group=group, fake=fake)
        steps += run(group.refs[:1], action, watch=watch)
        steps += run(group.refs[1:], action, jobs=jobs, watch=watch)
    return steps


def migrate_together(
    group: Group,
    pool: Pool,
    *,
    jobs: int = 1,
    fake: bool = False,
    watch: Watch | None = None,
) -> list[Step]:
    """Migrate tenants that share their tables; one's failure stops all of them."""
    begun = time.perf_counter()
    error: Exception | None = None
    try:
        bring_up(pool, group, fake=fake, jobs=jobs)
    except Exception as failure:  # noqa: BLE001  (reported for its tenants)
        error = failure
    seconds = (time.perf_counter() - begun) / max(len(group.refs), 1)
    done = len(group.migrations)
    steps = [
        Step(key=ref.key, seconds=seconds, result=None if error else done, error=error)
        for ref in group.refs
    ]
    for step in steps:
        if watch is not None:
            watch(step)
    return steps


def bring_up(pool: Pool, group: Group, *, fake: bool = False, jobs: int = 1) -> None:
    """Bring the tables of a pool, and the rows in them, to the group's targets."""
    prepare(pool)
    if not fake:
        require_supported(pool, group.migrations)
    due = group.signals_due or (group.changes_models and not fake)
    send = partial(_send, pool, _plan_of(group), jobs=jobs)
    if due:
        pool.owe_signals()
        if group.changes_models:
            send(emit_pre_migrate_signal, apps=_first_apps(group))
    migrate_pool(pool, group.migrations, record=_record, fake=fake, jobs=jobs)
    with pool.acting(pool.template) as connection:
        _record_replaced(connection, group)
        apps = _present_apps(connection) if due else None
    if due:
        send(emit_post_migrate_signal, apps=apps)
        pool.owe_signals(settled=True)
    for ref in pool.tenants():
        tenant_migrated.send(sender=type(group), ref=ref, plan=_plan_of(group))


def _plan_of(group: Group) -> list[tuple[Any, bool]]:
    """Return the plan as Django's signals give it."""
    return [(each.migration, each.backwards) for each in group.migrations]


def _send(pool: Pool, plan: Any, signal: Any, *, apps: Any, jobs: int) -> None:
    """Send a signal of `migrate` in the template and in each tenant.

    Alone in each: receivers look what is there, and two would make it twice.
    """

    def act(ref: TenantRef) -> None:
        with pool.transaction(ref, lock=ref.location):
            signal(0, False, ref.label, apps=apps, plan=plan)  # noqa: FBT003

    for step in run(pool.everybody(), act, jobs=jobs):
        if step.error is not None:
            raise step.error


def migrate_tenant(ref: TenantRef, *, group: Group, fake: bool = False) -> int:
    """Apply the group's migrations to the active tenant; return how many there were.

    `pre_migrate` and `post_migrate` are sent where content types or permissions may
    change: a new column changes none, and their receivers cost more than the column.
    """
    connection = connections[ref.label]
    signals = group.changes_models and not fake
    plan = _plan_of(group)
    if signals:
        emit_pre_migrate_signal(0, False, ref.label, apps=_first_apps(group), plan=plan)  # noqa: FBT003
    for planned in group.migrations:
        _apply(connection, planned, fake=fake)
    _record_replaced(connection, group)
    if signals:
        emit_post_migrate_signal(0, False, ref.label, apps=_last_apps(group), plan=plan)  # noqa: FBT003
    tenant_migrated.send(sender=type(group), ref=ref, plan=plan)
    return len(group.migrations)


def _record_replaced(connection: Any, group: Group) -> None:
    rows = MigrationRecorder(connection).migration_qs
    for app, name in group.replaced:
        rows.get_or_create(app=app, name=name)


def _first_apps(group: Group) -> Any:
    planned = next(each for each in group.migrations if each.operations)
    first, last = planned.operations[0], planned.operations[-1]
    return (last.after if planned.backwards else first.before).apps


def _last_apps(group: Group) -> Any:
    planned = [each for each in group.migrations if each.operations][-1]
    first, last = planned.operations[0], planned.operations[-1]
    return (first.before if planned.backwards else last.after).apps


def _present_apps(connection: Any) -> Any:
    """Return the models as the migrations that are recorded leave them."""
    loader = MigrationLoader(connection)
    names = loader.applied_migrations or {}
    return loader.project_state([n for n in names if n in loader.graph.nodes]).apps


def _apply(connection: Any, planned: PlannedMigration, *, fake: bool) -> None:
    """Apply one migration and record it, in one transaction where it is atomic."""
    if fake:
        _record(connection, planned)
        return
    migration = planned.migration
    with connection.schema_editor(atomic=migration.atomic) as editor:
        order = (
            reversed(planned.operations) if planned.backwards else planned.operations
        )
        for each in order:
            atomic_operation = each.operation.atomic or (
                migration.atomic and each.operation.atomic is not False
            )
            if not editor.atomic_migration and atomic_operation:
                with transaction.atomic(connection.alias):
                    _run(each, migration.app_label, editor, backwards=planned.backwards)
            else:
                _run(each, migration.app_label, editor, backwards=planned.backwards)
        # Django runs the deferred SQL after recording, or records after the
        # transaction; here all of it is in, so that a kill leaves all or nothing.
        for sql in editor.deferred_sql:
            editor.execute(sql, None)
        editor.deferred_sql.clear()
        _record(connection, planned)


def _run(each: Any, app_label: str, editor: Any, *, backwards: bool) -> None:
    if backwards:
        each.operation.database_backwards(app_label, editor, each.after, each.before)
    else:
        each.operation.database_forwards(app_label, editor, each.before, each.after)


def _record(connection: Any, planned: PlannedMigration) -> None:
    """Record the migration as Django does, but without asking whether the table is."""
    rows = MigrationRecorder(connection).migration_qs
    names = [planned.name]
    if planned.migration.replaces:
        names = [
            *planned.migration.replaces,
            *([planned.name] if planned.backwards else []),
        ]
    for app, name in names:
        if planned.backwards:
            rows.filter(app=app, name=name).delete()
        else:
            rows.create(app=app, name=name)
