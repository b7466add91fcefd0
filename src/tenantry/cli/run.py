"""Run any management command for each of the tenants."""

from __future__ import annotations

import argparse
import shlex
from typing import TYPE_CHECKING, Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from tenantry.cli.each import run_each
from tenantry.cli.options import add_format, add_jobs, add_selection, selection

if TYPE_CHECKING:
    from collections.abc import Sequence

# Commands that are not about one tenant, and would do something else than is meant.
REFUSED = {
    "runserver": "it serves every tenant, each by its URL",
    "test": "it makes a database of its own, and tests make their tenants in it",
    "testserver": "it makes a database of its own, without tenants",
}
# What they write is the project's, the same whichever tenant is active.
OF_THE_PROJECT = {
    "collectstatic",
    "compilemessages",
    "makemessages",
    "makemigrations",
    "optimizemigration",
    "squashmigrations",
    "startapp",
}
# They ask on the terminal: always, or unless they are told not to.
DIALOGUES = {"changepassword", "dbshell"}
QUESTIONS = {"createsuperuser", "flush", "remove_stale_contenttypes"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's options; the command and its own follow `--`."""
    add_selection(parser)
    add_jobs(parser)
    add_format(parser)
    parser.add_argument(
        "argv",
        nargs=argparse.REMAINDER,
        metavar="-- COMMAND",
        help="the command with its own options, behind '--'",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Run the command with each tenant active; a failure stops no other."""
    argv = options["argv"]
    if argv[:1] == ["--"]:
        argv = argv[1:]
    if not argv:
        msg = "Name the command behind '--', such as: tenants run -- check"
        raise CommandError(msg)
    name, arguments = argv[0], argv[1:]
    if name not in get_commands():
        msg = f"There is no command {name!r}. `manage.py help` lists them."
        raise CommandError(msg)
    if name in REFUSED:
        msg = f"{name} is not run for a tenant: {REFUSED[name]}. Use: manage.py {name}"
        raise CommandError(msg)
    tenants = selection(options).tenants()
    if len(tenants) > 1 or options["format"] == "json":
        refuse_dialogue(name, arguments)
    if name in OF_THE_PROJECT:
        command.stderr.write(
            f"{name} needs no tenant: what it writes is the project's. Once for all: "
            f"manage.py {shlex.join(argv)}"
        )

    def act(_tenant: Any, stream: Any) -> None:
        run_command(name, arguments, stream)

    run_each(
        command,
        options,
        act,
        tenants=tenants,
        verb=name,
        again="tenants run --only {only} -- "
        + shlex.join(argv).replace("{", "{{").replace("}", "}}"),
    )


def refuse_dialogue(name: str, arguments: Sequence[str]) -> None:
    """Raise `CommandError` for a command that asks: its questions would not be seen."""
    shell = name == "shell" and not any(
        each.startswith(("-c", "--command")) for each in arguments
    )
    silent = {"--no-input", "--noinput"} & set(arguments)
    if name in DIALOGUES or shell or (name in QUESTIONS and not silent):
        more = " Or let it ask nothing: --no-input." if name in QUESTIONS else ""
        msg = (
            f"{name} talks with you on the terminal, so it is for one tenant at a "
            f"time: tenants run --only KEY -- {name}.{more}"
        )
        raise CommandError(msg)


def run_command(name: str, arguments: list[str], stream: Any) -> None:
    """Run a command as `manage.py` would, writing to the stream."""
    app_name = get_commands()[name]
    target = (
        app_name
        if isinstance(app_name, BaseCommand)
        else load_command_class(app_name, name)
    )
    parser = target.create_parser("manage.py tenants run --", name)
    parsed = vars(parser.parse_args(arguments))
    target.stdout = OutputWrapper(stream)
    target.execute(*parsed.pop("args", ()), **{**parsed, "stdout": stream})
