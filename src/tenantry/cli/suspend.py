"""Take tenants out of service: their requests are answered with 403."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.cli import output
from tenantry.cli.options import add_format, add_keys, chosen
from tenantry.fleet.runner import run
from tenantry.lifecycle.state import suspend

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable

    from django.core.management.base import BaseCommand

    from tenantry.types import TenantRef


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_keys(parser)
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Suspend the chosen tenants; never all of them by default."""
    change(command, options, suspend, verb="suspend")


def change(
    command: BaseCommand,
    options: dict[str, Any],
    act: Callable[[Any], None],
    *,
    verb: str,
) -> None:
    """Do one small act on each of the chosen tenants, of any state."""
    rows = {tenant.key: tenant for tenant in chosen(options, verb)}

    def action(ref: TenantRef) -> None:
        act(rows[ref.key])

    form = options["format"]
    with output.Progress(command.stdout, len(rows), what=verb, form=form) as progress:
        steps = run([row.ref for row in rows.values()], action, watch=progress)
    again = f"tenants {verb} --only {{only}}"
    output.finish(command.stdout, steps, form=form, verb=verb, again=again)
