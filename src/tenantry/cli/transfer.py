"""Make another of a tenant's people its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.cli.people import add_person, chosen_people, chosen_user, tell
from tenantry.exceptions import OwnerRequired

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_person(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Transfer it from whoever owns it now."""
    key, people = options["key"], chosen_people(options)
    user = chosen_user(people, options)
    owner = next((person for person in people.all() if person.is_owner), None)
    if owner is None:
        msg = (
            "it has no owner yet. Make one: "
            f"manage.py tenants grant {key} {options['user']} owner"
        )
        raise OwnerRequired(key, msg)
    tell(command, people.transfer(owner.user, user), key=key)
