"""Take roles in a tenant from a user, or with --all their access."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from tenantry.cli.people import add_person, chosen_people, chosen_user, tell

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_person(parser)
    parser.add_argument("roles", nargs="*", metavar="ROLE")
    parser.add_argument(
        "--all",
        action="store_true",
        help="remove them from the tenant's people: no roles, no access",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Take the roles, and print those that are left; or remove the user."""
    if bool(options["roles"]) == options["all"]:
        msg = "Name the roles to take, or remove the user by --all: one of the two."
        raise CommandError(msg)
    people = chosen_people(options)
    user = chosen_user(people, options)
    if options["all"]:
        people.remove(user)
        command.stdout.write(f"{user} has no access to {options['key']} any more.")
        return
    tell(command, people.revoke(user, *options["roles"]), key=options["key"])
