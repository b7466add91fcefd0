"""Run any management command for each of the tenants."""

from __future__ import annotations

import argparse
import io
import shlex
import sys
from contextlib import redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.core.management import get_commands, load_command_class
from django.core.management.base import BaseCommand, CommandError, OutputWrapper

from tenantry.cli import output
from tenantry.cli.options import add_format, add_jobs, add_selection, selection
from tenantry.fleet.runner import Step, run

if TYPE_CHECKING:
    from tenantry.types import TenantRef


class DividedOutput(io.TextIOBase):
    """Standard output in which each thread's `print` goes to that tenant's own."""

    buffer_now: ContextVar[io.StringIO | None] = ContextVar("buffer_now", default=None)

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write to the tenant's buffer, where the thread has one."""
        written: int = (self.buffer_now.get() or self._stream).write(text)
        return written

    def flush(self) -> None:
        """Flush what everybody writes to in the end."""
        self._stream.flush()


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
    tenants = selection(options).tenants()
    form = options["format"]
    alone = len(tenants) == 1 and form == "text"

    def action(_ref: TenantRef) -> str | None:
        return run_command(name, arguments, command, captured=not alone)

    def watch(step: Step) -> None:
        if form == "text" and step.result:
            command.stdout.write(f"==> {step.key}\n{step.result}")
        if not alone:
            progress(step)

    with output.Progress(
        command.stdout, len(tenants), what=name, form=form
    ) as progress:
        refs = [tenant.ref for tenant in tenants]
        with redirect_stdout(DividedOutput(sys.stdout)):
            steps = run(refs, action, jobs=options["jobs"], watch=watch)
    output.finish(
        command.stdout,
        steps,
        form=form,
        verb=name,
        again="run --only {only} -- "
        + shlex.join(argv).replace("{", "{{").replace("}", "}}"),
    )


def run_command(
    name: str, arguments: list[str], parent: BaseCommand, *, captured: bool
) -> str | None:
    """Run a command as `manage.py` would; return what it wrote, where captured."""
    app_name = get_commands()[name]
    target = (
        app_name
        if isinstance(app_name, BaseCommand)
        else load_command_class(app_name, name)
    )
    parser = target.create_parser("manage.py tenants run --", name)
    parsed = vars(parser.parse_args(arguments))
    buffer = io.StringIO() if captured else None
    # The stream itself: a command's own wrapper adds the line ends that it wants.
    stream: Any = parent.stdout._out if buffer is None else buffer  # noqa: SLF001
    target.stdout = OutputWrapper(stream)
    token = DividedOutput.buffer_now.set(buffer)
    try:
        target.execute(*parsed.pop("args", ()), **{**parsed, "stdout": stream})
    finally:
        DividedOutput.buffer_now.reset(token)
    return buffer.getvalue() if buffer is not None else None
