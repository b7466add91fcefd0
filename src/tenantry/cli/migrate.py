"""Migrate the shared database, then the tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.migrations.loader import AmbiguityError, MigrationLoader

from tenantry.cli import output
from tenantry.cli.options import add_format, add_jobs, add_selection, selection
from tenantry.fleet.migrate import migrate_fleet
from tenantry.fleet.plan import FleetPlan, plan_fleet

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("app_label", nargs="?", help="an app, as of Django's migrate")
    parser.add_argument("migration_name", nargs="?", help="a migration, or 'zero'")
    add_selection(parser)
    add_jobs(parser)
    add_format(parser)
    parser.add_argument("--plan", action="store_true", help="show, and do nothing")
    parser.add_argument("--fake", action="store_true", help="record, and run nothing")
    parser.add_argument(
        "--no-shared",
        action="store_false",
        dest="shared",
        help="leave the shared database as it is",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Migrate shared first, unless an app is named; then each group of tenants."""
    form = options["format"]
    targets = _targets(options["app_label"], options["migration_name"])
    if options["shared"] and targets is None and not options["plan"]:
        call_command("migrate", interactive=False, verbosity=0)
    tenants = selection(options).tenants()
    plan = plan_fleet([tenant.ref for tenant in tenants], targets)
    if options["plan"]:
        output.rows(command.stdout, plan_rows(plan), form)
        return
    behind = len(plan.behind) + len(plan.unreadable)
    with output.Progress(command.stdout, behind, what="migrate", form=form) as progress:
        steps = migrate_fleet(
            plan, jobs=options["jobs"], fake=options["fake"], watch=progress
        )
    if form == "text":
        command.stdout.write(
            f"{len(tenants)} tenants: {len(tenants) - behind} were up to date, "
            f"{sum(step.ok for step in steps)} migrated."
        )
    output.finish(
        command.stdout,
        steps,
        form=form,
        verb="migrate",
        again=" ".join(
            [
                "tenants migrate",
                *filter(None, (options["app_label"], options["migration_name"])),
            ]
        )
        + " --only {only}",
    )


def plan_rows(plan: FleetPlan) -> list[dict[str, Any]]:
    """Return a row for each migration of each group of tenants."""
    return [
        {
            "tenants": len(group.refs),
            "first": group.refs[0].key,
            "kind": group.refs[0].kind,
            "migration": str(planned.migration),
            "operation": each.operation.describe(),
        }
        for group in plan.groups
        for planned in group.migrations
        for each in planned.operations
    ]


def _targets(
    app_label: str | None, migration_name: str | None
) -> list[tuple[str, str | None]] | None:
    """Return the targets as Django's `migrate` understands the same words."""
    if app_label is None:
        return None
    try:
        apps.get_app_config(app_label)
    except LookupError as error:
        raise CommandError(str(error)) from error
    loader = MigrationLoader(connections[DEFAULT_DB_ALIAS])
    if app_label not in loader.migrated_apps:
        msg = f"App {app_label!r} has no migrations."
        raise CommandError(msg)
    if migration_name is None:
        return [key for key in loader.graph.leaf_nodes() if key[0] == app_label]
    if migration_name == "zero":
        return [(app_label, None)]
    try:
        migration = loader.get_migration_by_prefix(app_label, migration_name)
    except (AmbiguityError, KeyError) as error:
        msg = f"Migration {migration_name!r} of app {app_label!r}: {error}"
        raise CommandError(msg) from error
    return [(app_label, migration.name)]
