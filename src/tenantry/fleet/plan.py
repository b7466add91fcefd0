"""What is to be migrated: tenants grouped by what they have, and each group's work.

The graph is read once. For each group of equal tenants the plan is made once, and with
it the states between which each operation runs, so that for a tenant only the
operation's own SQL is left to do.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.db import DatabaseError, connections
from django.db.migrations.exceptions import (
    InconsistentMigrationHistory,
    IrreversibleError,
)
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterIndexTogether,
    AlterModelManagers,
    AlterModelTable,
    AlterUniqueTogether,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameField,
    RenameIndex,
)
from django.db.migrations.state import ProjectState

from tenantry.context import override_tenant
from tenantry.isolation import isolations

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.migrations import Migration
    from django.db.migrations.loader import MigrationLoader
    from django.db.migrations.operations.base import Operation

    from tenantry.isolation.base import Applied
    from tenantry.types import TenantRef

MigrationError = (InconsistentMigrationHistory, IrreversibleError)

# Operations after which content types and permissions are what they were.
SAME_MODELS = (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterIndexTogether,
    AlterModelManagers,
    AlterModelTable,
    AlterUniqueTogether,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameField,
    RenameIndex,
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

    @property
    def is_done(self) -> bool:
        """Whether there is nothing to do."""
        return not self.migrations and not self.replaced

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
) -> tuple[dict[Applied, list[TenantRef]], dict[TenantRef, Exception]]:
    """Return the tenants grouped by their applied migrations, and the unreadable."""
    by_placement = defaultdict(list)
    for ref in refs:
        by_placement[ref.placement].append(ref)
    groups: dict[Applied, list[TenantRef]] = defaultdict(list)
    unreadable: dict[TenantRef, Exception] = {}
    for alias, placed in by_placement.items():
        for ref, found in isolations[alias].applied_migrations(placed).items():
            if isinstance(found, Exception):
                unreadable[ref] = found
            else:
                groups[found].append(ref)
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
    for members in groups.values():
        try:
            planned.append(plan_group(members, targets))
        except (*MigrationError, DatabaseError) as error:
            unreadable.update(dict.fromkeys(members, error))
    return FleetPlan(planned, unreadable)


def plan_group(
    members: list[TenantRef], targets: list[tuple[str, str | None]] | None
) -> Group:
    """Return the work of tenants in the same state, as Django plans it for the first.

    Raises `InconsistentMigrationHistory` and `IrreversibleError` before anything is
    touched.
    """
    with override_tenant(members[0]):
        connection = connections[members[0].label]
        executor = MigrationExecutor(connection)
        executor.loader.check_consistent_history(connection)
    loader = executor.loader
    wanted = loader.graph.leaf_nodes() if targets is None else targets
    steps = executor.migration_plan(wanted)
    applied = loader.applied_migrations or {}
    replaced = [
        name
        for name, migration in loader.replacements.items()
        if name not in applied and all(each in applied for each in migration.replaces)
    ]
    if not steps:
        return Group(members, [], replaced)
    if steps[0][1]:
        return Group(members, _backwards(executor, steps))
    return Group(members, _forwards(loader, steps), replaced)


def _forwards(
    loader: MigrationLoader, steps: list[tuple[Migration, bool]]
) -> list[PlannedMigration]:
    nodes = loader.graph.nodes
    state = loader.project_state(
        [name for name in loader.applied_migrations or {} if name in nodes]
    )
    planned = []
    for migration, _ in steps:
        operations, state = _between(migration, state)
        planned.append(PlannedMigration(migration, operations))
    return planned


def _backwards(
    executor: MigrationExecutor, steps: list[tuple[Migration, bool]]
) -> list[PlannedMigration]:
    loader = executor.loader
    doomed = [migration for migration, _ in steps]
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
