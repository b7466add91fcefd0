"""Delete the accounts that their users deleted, and their tenants, where it is due."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tenantry.cli import output
from tenantry.cli.options import add_format
from tenantry.fleet.runner import Step
from tenantry.users import closing, deletion

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_format(parser)
    parser.add_argument(
        "--dry-run", action="store_true", help="show what is due, and delete nothing"
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Delete what is due, or was begun; a failure stops no other account."""
    form = options["format"]
    accounts = [*deletion.due(), *closing.due()]
    if options["dry_run"]:
        found = [
            {"account": each.name, "due": each.due_at, "tenants": shown(each, form)}
            for each in accounts
        ]
        output.rows(command.stdout, found, form)
    if not accounts and form == "text":
        command.stdout.write("Nothing is due.")
    if options["dry_run"]:
        return
    with output.Progress(
        command.stdout, len(accounts), what="purge", form=form
    ) as progress:
        steps = []
        for account in accounts:
            steps.append(purged(account))
            progress(steps[-1])
    output.finish(command.stdout, steps, form=form, verb="purge", again="tenants purge")


def shown(account: deletion.Due, form: str) -> Any:
    """Return the account's tenants for a table or JSON."""
    return list(account.keys) if form == "json" else ", ".join(account.keys) or "-"


def purged(account: deletion.Due) -> Step:
    """Purge one account; return what became of it, under its tenant's key or name."""
    key = ", ".join(account.keys) or account.name
    begun = time.perf_counter()
    error = None
    try:
        if account.user_pk:
            deletion.purge(account)
        else:
            closing.purge(account.keys[0])
    except Exception as raised:  # noqa: BLE001  (reported for its account)
        error = raised
    return Step(key=key, seconds=time.perf_counter() - begun, error=error)
