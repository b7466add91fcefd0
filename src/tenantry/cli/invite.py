"""Invite somebody to a tenant: mail them a link by which they join it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.catalog.registry import registry
from tenantry.users.invitations import invite

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("key", metavar="KEY")
    parser.add_argument("email", metavar="EMAIL")
    parser.add_argument("roles", nargs="*", metavar="ROLE")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Send the link, and print until when it holds; the link itself is in the mail."""
    ref = registry.ref(options["key"])
    invitation = invite(ref, options["email"], *options["roles"])
    roles = f" as {', '.join(invitation.roles)}" if invitation.roles else ""
    command.stdout.write(
        f"{invitation.email} is invited to {ref.key}{roles}, until "
        f"{invitation.expires_at:%Y-%m-%d %H:%M %Z}."
    )
