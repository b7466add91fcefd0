"""Give a user roles in a tenant; who is not among its people yet is let in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.cli.people import add_person, chosen_people, chosen_user, tell

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_person(parser)
    parser.add_argument("roles", nargs="*", metavar="ROLE")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Give the roles, and print those that the user then has."""
    people = chosen_people(options)
    user = chosen_user(people, options)
    act = people.add if people.of_user(user) is None else people.grant
    tell(command, act(user, *options["roles"]), key=options["key"])
