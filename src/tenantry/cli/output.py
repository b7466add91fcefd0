"""What the verbs print: tables, JSON, progress, and the end of a run."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.management.base import CommandError
from tqdm import tqdm

from tenantry.exceptions import TenantryError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

    from django.core.management.base import OutputWrapper

    from tenantry.fleet.runner import Step


ROWS_PER_LINE = 100_000


def table(out: OutputWrapper, rows: Sequence[dict[str, Any]]) -> None:
    """Print rows with aligned columns, under the names of the first."""
    if not rows:
        return
    names = list(rows[0])
    cells = [names, *[[str(row[name]) for name in names] for row in rows]]
    widths = [max(len(row[i]) for row in cells) for i in range(len(names))]
    for row in cells:
        line = "  ".join(
            cell.ljust(width) for cell, width in zip(row, widths, strict=True)
        )
        out.write(line.rstrip())


def rows(out: OutputWrapper, found: Sequence[dict[str, Any]], form: str) -> None:
    """Print rows as a table or as JSON."""
    if form == "json":
        out.write(json.dumps(found, indent=2, default=str))
    else:
        table(out, found)


@contextmanager
def told() -> Iterator[None]:
    """Turn errors of ours into `CommandError`: shown without a traceback."""
    try:
        yield
    except ValidationError as error:
        raise CommandError("; ".join(error.messages)) from error
    except (TenantryError, ImproperlyConfigured) as error:
        raise CommandError(str(error)) from error


class Progress:
    """Shows how far a run is: a bar on a terminal, a line for each tenant elsewhere."""

    def __init__(self, out: OutputWrapper, total: int, *, what: str, form: str) -> None:
        self._out = out
        self._form = form
        self._failed = 0
        self._shown: dict[str, int] = {}
        self._bar = (
            tqdm(total=total, desc=what, unit="tenant")
            if form == "text" and sys.stderr.isatty()
            else None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._bar is not None:
            self._bar.close()

    def rows(self, key: str, gone: int) -> None:
        """Show that so many rows of a tenant are gone: a line for each so many."""
        if self._bar is not None:
            self._bar.set_postfix(failed=self._failed, rows=gone)
        elif self._form == "text" and gone >= self._shown.get(key, 0) + ROWS_PER_LINE:
            self._shown[key] = gone
            self._out.write(f"{key}: {gone} rows are gone ...")

    def __call__(self, step: Step) -> None:
        """Show one tenant's end."""
        if not step.ok:
            self._failed += 1
        if self._bar is not None:
            self._bar.set_postfix(failed=self._failed, refresh=False)
            self._bar.update()
        elif self._form == "text":
            said = "ok" if step.ok else f"FAILED: {one_line(step.error)}"
            self._out.write(f"{step.key}: {said} ({step.seconds:.2f} s)")


def one_line(error: Exception | None) -> str:
    """Return the error's class and text in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def finish(
    out: OutputWrapper, steps: Sequence[Step], *, form: str, verb: str, again: str
) -> None:
    """Print the end of a run; raise `CommandError` where a tenant failed.

    *again* is the command that does the rest, with `{only}` for the failed keys.
    """
    failed = [step for step in steps if not step.ok]
    if form == "json":
        out.write(
            json.dumps(
                {
                    "verb": verb,
                    "done": len(steps) - len(failed),
                    "failed": len(failed),
                    "tenants": [as_json(step) for step in steps],
                }
            )
        )
    if failed:
        told = "\n".join(f"  {step.key}: {one_line(step.error)}" for step in failed)
        only = ",".join(step.key for step in failed)
        msg = (
            f"{verb}: {len(failed)} of {len(steps)} tenants failed.\n{told}\n"
            f"When the cause is mended: manage.py {again.format(only=only)}"
        )
        raise CommandError(msg)


def as_json(step: Step) -> dict[str, Any]:
    """Return the step as values that JSON has."""
    return {
        "key": step.key,
        "ok": step.ok,
        "seconds": round(step.seconds, 4),
        "error": None if step.ok else one_line(step.error),
        **({"result": step.result} if step.result is not None else {}),
    }
