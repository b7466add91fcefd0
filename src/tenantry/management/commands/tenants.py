"""`manage.py tenants <verb>`: everything that is done to tenants, one and all."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand

from tenantry.cli.output import told

if TYPE_CHECKING:
    from django.core.management.base import CommandParser

VERBS = (
    "list",
    "create",
    "show",
    "set",
    "explain",
    "migrate",
    "run",
    "status",
    "audit",
    "doctor",
    "adopt",
    "suspend",
    "resume",
    "members",
    "invite",
    "grant",
    "revoke",
    "transfer",
    "drop",
    "purge",
)


class Command(BaseCommand):
    """Finds the verb's module in `tenantry.cli` and hands over to it."""

    help = "Acts on tenants: lists, creates, migrates them, runs commands for them."

    def add_arguments(self, parser: CommandParser) -> None:
        """Add a subparser for each verb."""
        verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
        for verb in VERBS:
            module = import_module(f"tenantry.cli.{verb}")
            module.add_arguments(verbs.add_parser(verb, help=module.__doc__))

    def handle(self, *_args: Any, **options: Any) -> None:
        """Run the verb; errors of ours are shown without a traceback."""
        module = import_module(f"tenantry.cli.{options['verb']}")
        with told():
            module.handle(self, options)
