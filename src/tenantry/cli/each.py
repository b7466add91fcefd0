"""Calls something for each tenant, whose output is its own: what `run` is made of."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stdout
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from tenantry.cli import output
from tenantry.fleet.runner import Step, run

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.core.management.base import BaseCommand


class DividedOutput(io.TextIOBase):
    """A stream in which what is written for a tenant goes to that tenant's own."""

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

    def isatty(self) -> bool:
        """Whether what is written now is shown on a terminal at once."""
        return self.buffer_now.get() is None and bool(self._stream.isatty())


def run_each(
    command: BaseCommand,
    options: dict[str, Any],
    act: Callable[[Any, Any], None],
    *,
    tenants: Sequence[Any],
    verb: str,
    again: str,
) -> None:
    """Call `act(tenant, stream)` with each tenant active; a failure stops no other.

    What it writes to the stream, or prints, is shown below the tenant's key when it is
    done; at once where the tenant is the only one. Raises `CommandError` where a tenant
    failed; *again* is the command that does the rest.
    """
    form = options["format"]
    rows = {tenant.key: tenant for tenant in tenants}
    alone = len(tenants) == 1 and form == "text"
    # The stream itself: a command's own wrapper adds the line ends that it wants.
    real: Any = command.stdout._out  # noqa: SLF001

    def action(ref: Any) -> str | None:
        buffer = None if alone else io.StringIO()
        token = DividedOutput.buffer_now.set(buffer)
        try:
            act(rows[ref.key], real if buffer is None else buffer)
        finally:
            DividedOutput.buffer_now.reset(token)
        return buffer.getvalue() if buffer is not None else None

    def watch(step: Step) -> None:
        if form == "text" and step.result:
            command.stdout.write(f"==> {step.key}\n{step.result}")
        if not alone:
            progress(step)

    with output.Progress(
        command.stdout, len(tenants), what=verb, form=form
    ) as progress:
        refs = [tenant.ref for tenant in tenants]
        with redirect_stdout(DividedOutput(sys.stdout)):
            steps = run(refs, action, jobs=options["jobs"], watch=watch)
    output.finish(command.stdout, steps, form=form, verb=verb, again=again)
