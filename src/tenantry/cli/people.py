"""What the verbs for the people of a tenant have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.base import CommandError

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.exceptions import NoSuchUser
from tenantry.guards import sides
from tenantry.users.people import are_confined, members_of, people_of

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand

    from tenantry.users.people import People, Person


def add_person(parser: ArgumentParser) -> None:
    """Add the tenant and a user."""
    add_tenant(parser)
    parser.add_argument(
        "user",
        metavar="USER",
        help="user name, e-mail address or primary key; pk=7 is certainly the last",
    )


def add_tenant(parser: ArgumentParser) -> None:
    """Add the tenant, and which of its people are meant."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument(
        "--shared",
        action="store_true",
        help="shared users who are members, where the tenant has its own users too",
    )


def chosen_people(options: dict[str, Any]) -> People:
    """Return the people of the tenant that was named; raise `TenantNotFound`."""
    ref = registry.ref(options["key"])
    return members_of(ref) if options["shared"] else people_of(ref)


def chosen_user(people: People, options: dict[str, Any]) -> Any:
    """Return the user that was named; raise `NoSuchUser`.

    Where the tenant has users of its own and shared ones too, say how the others are
    named.
    """
    try:
        return people.account(options["user"])
    except NoSuchUser as error:
        label = apps.get_model(conf.shared_user_model)._meta.app_label
        both = are_confined(people.tenant) and sides[people.tenant.kind][label].shared
        if options["shared"] or error.found or not both:
            raise
        msg = f"{error} Shared users are named with --shared."
        raise CommandError(msg) from error


def tell(command: BaseCommand, person: Person, *, key: str) -> None:
    """Print what somebody now is in the tenant."""
    roles = [*(["owner"] if person.is_owner else []), *person.roles]
    command.stdout.write(
        f"{person.user} in {key}: {', '.join(roles) or 'no roles'} ({person.state})."
    )
