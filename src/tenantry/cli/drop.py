"""Remove tenants with all their data, for good."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from tenantry.cli import output
from tenantry.cli.options import add_format, add_keys, chosen
from tenantry.fleet.runner import run
from tenantry.lifecycle.provision import drop

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand

    from tenantry.types import TenantRef


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_keys(parser)
    add_format(parser)
    parser.add_argument("--no-input", action="store_false", dest="interactive")
    parser.add_argument(
        "--keep-files",
        action="store_true",
        help="leave the files that the tenants saved where they are",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Drop the chosen tenants, of any state; never all of them by default."""
    tenants = chosen(options, "drop")
    if not tenants:
        command.stdout.write("No tenant is chosen.")
        return
    if options["interactive"]:
        _confirm(command, [tenant.key for tenant in tenants])
    rows = {tenant.key: tenant for tenant in tenants}

    def action(ref: TenantRef) -> None:
        drop(
            rows[ref.key],
            watch=partial(progress.rows, ref.key),
            keep_files=options["keep_files"],
        )

    form = options["format"]
    with output.Progress(
        command.stdout, len(tenants), what="drop", form=form
    ) as progress:
        steps = run([tenant.ref for tenant in tenants], action, watch=progress)
    again = "tenants drop --only {only}"
    output.finish(command.stdout, steps, form=form, verb="drop", again=again)


def _confirm(command: BaseCommand, keys: list[str]) -> None:
    """Ask for the key of one tenant, or the number of several."""
    what = keys[0] if len(keys) == 1 else str(len(keys))
    shown = ", ".join(keys[:10]) + (" …" if len(keys) > 10 else "")  # noqa: PLR2004
    question = (
        f"This removes all data of: {shown}\nIt cannot be undone. "
        f"Type {what!r} to go on: "
    )
    command.stderr.write(question, ending="")
    try:
        answer = input().strip()
    except EOFError:
        answer = ""
    if answer != what:
        msg = "Nothing was dropped. (Where nobody can answer: --no-input.)"
        raise CommandError(msg)
