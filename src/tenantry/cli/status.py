"""Say where each tenant stands: its state, its migrations, what is unfinished."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.catalog.models import LifecycleRecord
from tenantry.cli import output
from tenantry.cli.options import add_format, add_selection, selection
from tenantry.fleet.plan import plan_fleet
from tenantry.lifecycle.declared import missing

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_selection(parser)
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print a row for each tenant that is not active or is behind, then the sums."""
    chosen = selection(options, state="any")
    tenants = chosen.tenants()
    plan = plan_fleet([tenant.ref for tenant in tenants])
    pending = {
        ref.key: str(len(group.migrations))
        for group in plan.groups
        for ref in group.refs
    }
    pending |= {
        ref.key: output.one_line(error) for ref, error in plan.unreadable.items()
    }
    unfinished = dict(LifecycleRecord.objects.values_list("key", "action"))
    found = [
        {
            "key": tenant.key,
            "state": tenant.state,
            "kind": tenant.kind,
            "unfinished": unfinished.get(tenant.key, "-"),
            "migrations to apply": pending[tenant.key],
        }
        for tenant in tenants
    ]
    not_made = missing() if chosen.is_all else []
    found += [
        {
            "key": declared.key,
            "state": "declared, not made",
            "kind": declared.kind,
            "unfinished": "-",
            "migrations to apply": "-",
        }
        for declared in not_made
    ]
    if options["format"] == "json":
        output.rows(command.stdout, found, "json")
        return
    odd = [
        row
        for row in found
        if row["state"] != "active" or row["migrations to apply"] != "0"
    ]
    output.table(command.stdout, odd)
    command.stdout.write(
        f"{len(tenants)} tenants, {len(found) - len(odd)} active and current."
    )
    if not_made:
        command.stdout.write(
            f"{len(not_made)} declared tenants are not made yet. Make them: "
            "manage.py tenants create --declared"
        )
