"""List the people of a tenant: who has access, and may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.cli import output
from tenantry.cli.options import add_format
from tenantry.cli.people import add_tenant, chosen_people

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand

    from tenantry.users.people import Person


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_tenant(parser)
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print a row for each."""
    found = [row_of(person) for person in chosen_people(options).all()]
    if options["format"] == "text":
        found = [as_text(row) for row in found]
    output.rows(command.stdout, found, options["format"])
    if not found and options["format"] == "text":
        key = options["key"]
        command.stdout.write(
            f"Nobody. Let somebody in: manage.py tenants grant {key} USER ROLE"
        )


def row_of(person: Person) -> dict[str, Any]:
    """Return what is told of somebody."""
    return {
        "pk": person.user_pk,
        "user": person.user.get_username(),
        "name": person.name,
        "email": person.email,
        "roles": list(person.roles),
        "owner": person.is_owner,
        "state": person.state,
        "joined": person.joined_at,
    }


def as_text(row: dict[str, Any]) -> dict[str, Any]:
    """Return the row as a table shows it."""
    return {
        **row,
        "roles": ", ".join(row["roles"]) or "-",
        "owner": "yes" if row["owner"] else "-",
        "joined": "-" if row["joined"] is None else f"{row['joined']:%Y-%m-%d}",
    }
