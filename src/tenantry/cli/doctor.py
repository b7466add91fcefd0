"""Examine the placements, or the way to the databases, and say what to mend."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

from django.core.management.base import CommandError
from django.db import DEFAULT_DB_ALIAS, connections

from tenantry.cli import output
from tenantry.cli.options import add_format
from tenantry.context import override_tenant
from tenantry.isolation import isolations
from tenantry.isolation.base import Finding

if TYPE_CHECKING:
    from argparse import ArgumentParser
    from collections.abc import Callable, Iterator

    from django.core.management.base import BaseCommand, OutputWrapper

    from tenantry.connections import TenantConnections

Found = tuple[str, Finding]


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--pooler",
        action="store_true",
        help="find out what stands between us and PostgreSQL, and what it asks for",
    )
    parser.add_argument(
        "--repair",
        action="store_true",
        help="first mend the tables of row isolation: policies, keys, indexes, rights",
    )
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print what an examination found; raise `CommandError` where it is unsafe."""
    examine = EXAMINATIONS["pooler" if options["pooler"] else "placements"]
    with override_tenant(None):
        for isolation in isolations.all() if options["repair"] else ():
            isolation.repair()
        found = list(examine())
    if options["format"] == "json":
        rows = [{"about": about, **asdict(finding)} for about, finding in found]
        output.rows(command.stdout, rows, "json")
    else:
        _print(command.stdout, found)
    errors = sum(finding.level == "error" for _, finding in found)
    if errors:
        msg = f"doctor: {errors} of {len(found)} findings must be mended."
        raise CommandError(msg)


def _print(out: OutputWrapper, found: list[Found]) -> None:
    about = None
    for each, finding in found:
        if each != about:
            out.write(each)
            about = each
        out.write(f"  {finding.level:<8} {finding.name}: {finding.text}")
        if finding.next_step:
            out.write(f"  {'':<8} {finding.next_step}")
    if not found:
        out.write("Nothing to say: the placements have no findings.")


def of_placements() -> Iterator[Found]:
    """Return what each placement's isolation found."""
    for isolation in isolations.all():
        about = f"placement {isolation.placement.alias} ({isolation.name})"
        for finding in isolation.findings():
            yield about, finding


def of_poolers() -> Iterator[Found]:
    """Return what was found on the way to each database that has tenants."""
    placed = [isolation.database for isolation in isolations.all()]
    for alias in dict.fromkeys([DEFAULT_DB_ALIAS, *placed]):
        wrapper: Any = cast("TenantConnections", connections).configured(alias)
        for finding in _of_pooler(alias, wrapper):
            yield f"database {alias}", finding


def _of_pooler(alias: str, wrapper: Any) -> Iterator[Finding]:
    if wrapper.vendor != "postgresql":
        text = f"{wrapper.display_name} is asked without a pooler that we know of."
        yield Finding(level="ok", name="pooler", text=text)
        return
    # Here, as they need psycopg's wrapper, which other engines come without.
    from tenantry.backends.postgresql.advice import advise  # noqa: PLC0415
    from tenantry.backends.postgresql.pooler import probe  # noqa: PLC0415

    yield from advise(alias, wrapper.settings_dict, probe(wrapper))


# What the doctor can examine, by the option that asks for it; placements unless asked.
EXAMINATIONS: dict[str, Callable[[], Iterator[Found]]] = {
    "placements": of_placements,
    "pooler": of_poolers,
}
