"""List the tenants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.cli import output
from tenantry.cli.options import add_format, add_selection, selection
from tenantry.conf import conf

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    add_selection(parser)
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print a row for each tenant, of any state."""
    tenants = selection(options, state="any").tenants()
    found = [
        {
            "key": tenant.key,
            "name": tenant.name,
            "state": tenant.state,
            "placement": tenant.placement,
            "location": tenant.location,
            "kind": tenant.kind,
            "declared": "yes" if tenant.key in conf.declared_tenants else "-",
        }
        for tenant in tenants
    ]
    output.rows(command.stdout, found, options["format"])
    if not found and options["format"] == "text":
        command.stdout.write(
            "No tenants. Make one: manage.py tenants create KEY --domain HOST"
        )
