"""Options that verbs have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from tenantry.fleet.selection import Selection, parse_shard

if TYPE_CHECKING:
    from argparse import ArgumentParser


def add_selection(parser: ArgumentParser) -> None:
    """Add the options by which tenants are chosen; the same on every verb."""
    group = parser.add_argument_group("which tenants (all active ones, if none given)")
    group.add_argument("--only", action="append", default=[], metavar="KEY[,KEY]")
    group.add_argument("--exclude", action="append", default=[], metavar="KEY[,KEY]")
    group.add_argument("--where", action="append", default=[], metavar="FIELD=VALUE")
    group.add_argument("--state", help="a state, or 'any'; active unless given")
    group.add_argument("--placement", help="tenants of that placement only")
    group.add_argument("--kind", help="tenants of that kind only")
    group.add_argument("--shard", metavar="I/N", help="the I-th of N parts")


def selection(options: dict[str, Any], **defaults: Any) -> Selection:
    """Return the choice that the options make."""
    shard = options["shard"]
    return Selection(
        only=_keys(options["only"]),
        exclude=_keys(options["exclude"]),
        where=tuple(options["where"]),
        state=options["state"] or defaults.get("state"),
        placement=options["placement"],
        kind=options["kind"],
        shard=parse_shard(shard) if shard else None,
    )


def add_keys(parser: ArgumentParser) -> None:
    """Add keys, for verbs that never choose all tenants by default."""
    parser.add_argument("keys", nargs="*", metavar="KEY")
    add_selection(parser)


def chosen(options: dict[str, Any], verb: str) -> list[Any]:
    """Return the tenants chosen by keys and options, of any state; at least by one.

    Raises `CommandError` where nothing was given.
    """
    options["only"] = [*options["only"], *options["keys"]]
    given = [options[name] for name in ("only", "where", "state", "placement", "kind")]
    if not any(given):
        msg = f"Name the tenants to {verb}: there is no default. One: {verb} KEY"
        raise CommandError(msg)
    return selection(options, state="any").tenants()


def _keys(given: list[str]) -> tuple[str, ...]:
    return tuple(
        key.strip() for part in given for key in part.split(",") if key.strip()
    )


def add_format(parser: ArgumentParser) -> None:
    """Add `--format text|json`."""
    parser.add_argument("--format", choices=("text", "json"), default="text")


def add_jobs(parser: ArgumentParser) -> None:
    """Add `--jobs N`."""
    parser.add_argument(
        "--jobs", type=int, default=1, metavar="N", help="tenants at a time (threads)"
    )
