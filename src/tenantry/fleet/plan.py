"""What is to be migrated: tenants grouped by what they have, and each group's work.

The graph is read once. For each group of equal tenants the plan is made once, and with
it the states between which each operation runs, so that for a tenant only the
operation's own SQL is left to do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, connections
from django.db.migrations import operations as django_operations
from django.db.migrations.exceptions import (
    InconsistentMigrationHistory,
    IrreversibleError,
)
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.state import ProjectState

from tenantry import history
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError
from tenantry.fleet.pool import pool_of
from tenantry.isolation import isolations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.migrations import Migration
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.operations.base import Operation

    from tenantry.fleet.pool import Pool
    from tenantry.isolation.base import Applied
    from tenantry.types import TenantRef

    Alike = tuple[str, Applied, Pool | None]

MigrationError = (InconsistentMigrationHistory, IrreversibleError)

# Operations after which content types and permissions are what they were.
SAME_MODELS = (
    django_operations.AddConstraint,
    django_operations.AddField,
    django_operations.AddIndex,
    django_operations.AlterField,
    django_operations.AlterIndexTogether,
    django_operations.AlterModelManagers,
    django_operations.AlterModelTable,
    django_operations.AlterUniqueTogether,
    django_operations.RemoveConstraint,
    django_operations.RemoveField,
    django_operations.RemoveIndex,
    django_operations.RenameField,
    django_operations.RenameIndex,
)


@dataclass(frozen=True, slots=True)
class PlannedOperation:
    """An operation with the states before and after it, rendered once for all."""

    operation: Operation
    before: ProjectState
    after: ProjectState


@dataclass(frozen=True, slots=True)
class PlannedMigration:
    """A migration, to be applied (or with `backwards` unapplied) to each tenant."""

    migration: Migration
    operations: tuple[PlannedOperation, ...]
    backwards: bool = False

    @property
    def name(self) -> tuple[str, str]:
        """The app's label and the migration's name."""
        return self.migration.app_label, self.migration.name


@dataclass(slots=True)
class Group:
    """Tenants in the same state, and what brings them to the targets."""

    refs: list[TenantRef]
    migrations: list[PlannedMigration]
    replaced: list[tuple[str, str]] = field(default_factory=list)
    """Squashed migrations to record: all that they replace is applied."""
    pool: Pool | None = None
    """Whose tables they share, where they are migrated together."""
    signals_due: bool = False
    """Whether `post_migrate` of an earlier run has not reached all of them."""

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return not self.migrations and not self.replaced and not self.signals_due

    @property
    def changes_models(self) -> bool:
        """Whether content types or permissions may have to follow (`post_migrate`)."""
        return any(
            not isinstance(planned.operation, SAME_MODELS)
            for migration in self.migrations
            for planned in migration.operations
        )


@dataclass(slots=True)
class FleetPlan:
    """The groups, and the tenants whose state could not be read."""

    groups: list[Group]
    unreadable: dict[TenantRef, Exception]

    @property
    def behind(self) -> list[TenantRef]:
        """The tenants that have something to do."""
        return [ref for g in self.groups if not g.is_done for ref in g.refs]


def read_applied(
    refs: Iterable[TenantRef],
) -> tuple[dict[Alike, list[TenantRef]], dict[TenantRef, Exception]]:
    """Return the tenants grouped by kind and what they applied, and the unreadable.

    Tenants that share their tables are a group of their own.
    """
    by_placement = defaultdict(list)
    for ref in refs:
        by_placement[ref.placement].append(ref)
    groups: dict[Alike, list[TenantRef]] = defaultdict(list)
    unreadable: dict[TenantRef, Exception] = {}
    for alias, placed in by_placement.items():
        isolation = isolations[alias]
        for ref, found in isolation.applied_migrations(placed).items():
            pool = pool_of(isolation, ref.kind) if isolation.shares_tables else None
            if isinstance(found, Exception):
                unreadable[ref] = found
                continue
            try:
                own = history.of_kind(ref.kind, found)
            except ImproperlyConfigured as error:  # the settings lack the kind
                unreadable[ref] = error
            else:
                groups[ref.kind, own, pool].append(ref)
    return groups, unreadable


def plan_fleet(
    refs: Sequence[TenantRef], targets: list[tuple[str, str | None]] | None = None
) -> FleetPlan:
    """Return what brings the tenants to the targets; by default all that is new.

    A group that cannot be planned (an inconsistent history, an irreversible operation)
    is among the unreadable ones, with its error.
    """
    groups, unreadable = read_applied(refs)
    planned = []
    for (_, recorded, pool), members in groups.items():
        try:
            group = plan_group(members, recorded, targets)
            if pool is not None:
                group.pool = pool
                group.signals_due = pool.signals_due()
                if not group.is_done:
                    require_all(pool, members)
            planned.append(group)
        except LifecycleError as error:
            unreadable.update(dict.fromkeys(members, error))
        except (*MigrationError, DatabaseError) as error:
            unreadable.update(dict.fromkeys(members, error))
    return FleetPlan(planned, unreadable)


def require_all(pool: Pool, members: list[TenantRef]) -> None:
    """Raise `LifecycleError` where only some of those who share tables are chosen."""
    left_out = pool.active() - set(members)
    if left_out:
        raise LifecycleError(
            members[0].key,
            "plan",
            f"it shares its tables with {len(left_out)} tenants that are not chosen "
            f"({min(ref.key for ref in left_out)!r} for one)",
            next_step="Tables are migrated for all at once: choose them by "
            f"--placement {pool.isolation.placement.alias}, or choose none.",
        )


def plan_group(
    members: list[TenantRef],
    recorded: Applied,
    targets: list[tuple[str, str | None]] | None,
) -> Group:
    """Return the work of tenants that recorded the same, as Django plans it for one.

    They are of one kind; what is not of its apps is passed through, and is no work.
    Raises `InconsistentMigrationHistory` and `IrreversibleError` before anything is
    touched.
    """
    kind = members[0].kind
    with override_tenant(members[0]):
        connection = connections[members[0].label]
        executor = MigrationExecutor(connection)
        executor.loader.check_consistent_history(connection)
        loader = executor.loader
        wanted = loader.graph.leaf_nodes() if targets is None else targets
        steps = executor.migration_plan(
            [target for target in wanted if history.is_of_kind(kind, target[0])]
        )
        _rename_content_types(steps, members[0])
    backwards = bool(steps) and steps[0][1]
    names = {name for step, _ in steps for name in _records(step)}
    replaced = _replaced(loader, recorded - names if backwards else recorded | names)
    if not steps:
        return Group(members, [], replaced)
    own = {step for step, _ in steps if history.is_of_kind(kind, step.app_label)}
    if backwards:
        planned = _backwards(executor, [step for step, _ in steps if step in own])
    else:
        planned = _forwards(loader, steps, own)
    return Group(members, planned, replaced)


def _records(migration: Migration) -> list[tuple[str, str]]:
    """Return the names under which the migration is recorded."""
    return [(migration.app_label, migration.name), *migration.replaces]


def _replaced(
    loader: MigrationLoader, recorded: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    """Return the squashed migrations of which all but their own name is recorded."""
    known = set(recorded)
    return [
        name
        for name, migration in loader.replacements.items()
        if name not in known and known.issuperset(migration.replaces)
    ]


def _rename_content_types(steps: list[tuple[Migration, bool]], ref: TenantRef) -> None:
    """Let a model's content type be renamed with it.

    Django puts that operation into the plan when `pre_migrate` is sent; here the
    operations are rendered before, once for all tenants.
    """
    if "contenttypes" in conf.apps_of(ref.kind):
        from django.contrib.contenttypes.management import (  # noqa: PLC0415  (models)
            inject_rename_contenttypes_operations,
        )

        inject_rename_contenttypes_operations(plan=steps, using=ref.label)


def _forwards(
    loader: MigrationLoader, steps: list[tuple[Migration, bool]], own: set[Migration]
) -> list[PlannedMigration]:
    nodes = loader.graph.nodes
    state = loader.project_state(
        [name for name in loader.applied_migrations or {} if name in nodes]
    )
    planned = []
    for migration, _ in steps:
        if migration in own:
            operations, state = _between(migration, state)
            planned.append(PlannedMigration(migration, operations))
        else:
            state = migration.mutate_state(state)
    return planned


def _backwards(
    executor: MigrationExecutor, doomed: list[Migration]
) -> list[PlannedMigration]:
    loader = executor.loader
    for migration in doomed:
        for operation in migration.operations:
            if not operation.reversible:
                msg = f"{migration}: {operation.describe()} is not reversible."
                raise IrreversibleError(msg)
    applied = {
        loader.graph.nodes[name]
        for name in loader.applied_migrations or {}
        if name in loader.graph.nodes
    }
    state = ProjectState(real_apps=loader.unmigrated_apps)
    operations = {}
    leaves = loader.graph.leaf_nodes()
    for migration, _ in executor.migration_plan(leaves, clean_start=True):
        if migration in doomed:
            operations[migration], state = _between(migration, state)
        elif migration in applied:
            migration.mutate_state(state, preserve=False)
    return [PlannedMigration(each, operations[each], backwards=True) for each in doomed]


def _between(
    migration: Migration, state: ProjectState
) -> tuple[tuple[PlannedOperation, ...], ProjectState]:
    """Return the migration's operations with the states around each, and the last.

    The states' models are rendered here, once, and not by the first thread to need
    them.
    """
    operations = []
    _ = state.apps
    for operation in migration.operations:
        before = state
        state = before.clone()
        operation.state_forwards(migration.app_label, state)
        _ = state.apps
        operations.append(PlannedOperation(operation, before, state))
    return tuple(operations), state
