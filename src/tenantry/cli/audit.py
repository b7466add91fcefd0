"""Say who did what in which tenant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from tenantry.catalog.people import AuditEntry
from tenantry.cli import output
from tenantry.cli.options import add_format
from tenantry.context import override_tenant

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand

SHARED_SITE = "-"
SHOWN = ("at", "tenant_key", "action", "actor", "impersonator", "target", "address")
MORE = ("actor_pk", "actor_place", "facts")


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument(
        "--tenant", metavar="KEY", help=f"where; {SHARED_SITE!r}: the shared site"
    )
    parser.add_argument(
        "--action",
        metavar="NAME",
        help="what: 'user.signed_in', or 'user.' for all that begin so",
    )
    parser.add_argument("--actor", metavar="NAME", help="who, or behind whom")
    parser.add_argument("--since", metavar="DATE", help="from a date or time on (ISO)")
    parser.add_argument(
        "--last", type=int, default=50, metavar="N", help="so many; 50 unless given"
    )
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print the last entries that the options ask for, the newest first."""
    if options["last"] < 1:
        msg = f"--last is {options['last']}; it is a number of entries, 1 or more."
        raise CommandError(msg)
    is_json = options["format"] == "json"
    with override_tenant(None):
        entries = _chosen(options)[: options["last"]]
        found = list(entries.values(*SHOWN, *(MORE if is_json else ())))
    if not is_json:
        found = [_shown(entry) for entry in found]
    output.rows(command.stdout, found, options["format"])
    if not found and not is_json:
        command.stdout.write("No entries.")


def _chosen(options: dict[str, Any]) -> Any:
    entries = AuditEntry.objects.all()
    if options["tenant"] is not None:
        key = "" if options["tenant"] == SHARED_SITE else options["tenant"]
        entries = entries.filter(tenant_key=key)
    if options["action"]:
        entries = entries.filter(action__startswith=options["action"])
    if options["actor"]:
        acted = entries.filter(actor=options["actor"])
        entries = acted | entries.filter(impersonator=options["actor"])
    if options["since"]:
        entries = entries.filter(at__gte=_time(options["since"]))
    return entries


def _time(given: str) -> datetime:
    """Return the time that was given, in the project's zone unless it names one."""
    try:
        found = parse_datetime(given) or datetime.fromisoformat(given)
    except ValueError as error:
        msg = f"--since {given!r} is no date or time, such as 2026-05-01T12:00."
        raise CommandError(msg) from error
    return found if timezone.is_aware(found) else timezone.make_aware(found)


def _shown(entry: dict[str, Any]) -> dict[str, Any]:
    at = timezone.localtime(entry["at"]).isoformat(" ", "seconds")
    return {name: value or "-" for name, value in {**entry, "at": at}.items()}
