"""Make the present tables of a single-tenant project the first tenant's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management import call_command

from tenantry.catalog.registry import registry
from tenantry.conf import DEFAULT_PLACEMENT
from tenantry.kinds import DEFAULT_KIND
from tenantry.lifecycle.adopt import adopt

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("--as", dest="key", required=True, metavar="KEY")
    parser.add_argument("--name", help="the tenant's name; the key unless given")
    parser.add_argument("--domain", action="append", default=[], metavar="HOST")
    parser.add_argument("--placement", default=DEFAULT_PLACEMENT)
    parser.add_argument("--kind", default=DEFAULT_KIND)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Migrate what is shared, adopt, and let the shared site have its rows again."""
    call_command("migrate", interactive=False, verbosity=0)
    tenant = adopt(
        registry.tenant_model,
        key=options["key"],
        name=options["name"] or options["key"],
        placement=options["placement"],
        kind=options["kind"],
        domains=options["domain"],
    )
    call_command("migrate", interactive=False, verbosity=0)
    command.stdout.write(
        f"The tables of tenant apps are now those of {tenant.key}, in "
        f"{tenant.location}. Make another: manage.py tenants create KEY"
    )
