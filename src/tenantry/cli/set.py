"""Give a tenant its own values of settings."""

from __future__ import annotations

import sys
from getpass import getpass
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from tenantry.catalog.registry import registry
from tenantry.catalog.settings import declaration, masked
from tenantry.exceptions import TenantNotFound

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand

FROM_STDIN = "-"


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("key")
    parser.add_argument(
        "values",
        nargs="*",
        metavar="NAME=VALUE",
        help="JSON where the setting is no string; '-' reads it from standard input, "
        "or asks for it on a terminal",
    )
    parser.add_argument(
        "--unset",
        action="append",
        default=[],
        metavar="NAME",
        help="the project's value again; repeatable",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Write the values, and print those that the tenant then has."""
    tenant = registry.tenant_model._base_manager.filter(key=options["key"]).first()
    if tenant is None:
        raise TenantNotFound(options["key"])
    asked = [each for each in options["values"] if each.endswith(f"={FROM_STDIN}")]
    if len(asked) > 1 and not sys.stdin.isatty():
        msg = f"Standard input is read for one value; there are: {', '.join(asked)}."
        raise CommandError(msg)
    values = dict(parse(each) for each in options["values"])
    tenant.set_settings(**values, **dict.fromkeys(options["unset"]))
    for name, value in sorted(masked(tenant.settings).items()):
        command.stdout.write(f"{name} = {value!r}")


def parse(given: str) -> tuple[str, Any]:
    """Return name and value of `NAME=VALUE`."""
    name, is_there, text = given.partition("=")
    if not is_there:
        msg = f"{given!r} is not NAME=VALUE."
        raise CommandError(msg)
    declared = declaration(name)
    if text == FROM_STDIN and sys.stdin.isatty():
        text = getpass(f"{name}: ")
    elif text == FROM_STDIN:
        text = sys.stdin.read().removesuffix("\n")
    return name, declared.from_text(text)
