"""Create tenants, or finish those that were left half-way."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError

from tenantry.catalog.models import LifecycleRecord
from tenantry.catalog.registry import registry
from tenantry.conf import DEFAULT_PLACEMENT
from tenantry.kinds import DEFAULT_KIND
from tenantry.lifecycle.actions import TEMPLATE
from tenantry.lifecycle.declared import make_declared
from tenantry.lifecycle.provision import resume

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("keys", nargs="*", metavar="KEY")
    parser.add_argument("--name", help="the tenant's name; the key unless given")
    parser.add_argument("--slug", help="subdomain or path prefix; the key unless given")
    parser.add_argument(
        "--domain",
        action="append",
        default=[],
        metavar="HOST",
        help="the first: primary",
    )
    parser.add_argument("--placement", default=DEFAULT_PLACEMENT)
    parser.add_argument("--kind", default=DEFAULT_KIND)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--resume",
        action="store_true",
        help="finish what a process that died began: on these keys, or on all",
    )
    instead.add_argument(
        "--declared",
        action="store_true",
        help="make the tenants that the settings declare, as far as they are missing",
    )


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Provision the tenants, in order."""
    keys = options["keys"]
    if options["resume"]:
        resume_all(command, keys or unfinished_keys())
        return
    if options["declared"]:
        create_declared(command, keys)
        return
    if not keys:
        msg = "Name the key of the tenant to create, such as: tenants create acme"
        raise CommandError(msg)
    if len(keys) > 1 and (options["domain"] or options["slug"] or options["name"]):
        msg = "--name, --slug and --domain are for one tenant; give one key."
        raise CommandError(msg)
    for key in keys:
        tenant = registry.tenant_model._default_manager.provision(
            key=key,
            name=options["name"] or key,
            slug=options["slug"] or "",
            placement=options["placement"],
            kind=options["kind"],
            domains=options["domain"],
        )
        command.stdout.write(f"{tenant.key} is active, in {tenant.location}")


def resume_all(command: BaseCommand, keys: list[str]) -> None:
    """Finish what was begun on these tenants, and not ended."""
    for key in keys:
        done = resume(key)
        said = "is active" if done is not None else "has been dropped"
        command.stdout.write(f"{key} {said}")


def create_declared(command: BaseCommand, keys: list[str]) -> None:
    """Make the declared tenants; raise `CommandError` for what could not be done."""
    if keys:
        msg = "--declared makes all that the settings declare: name no key."
        raise CommandError(msg)
    wrong = []
    for outcome in make_declared():
        wrong += [f"{outcome.key}: {each}" for each in outcome.wrong]
        for done in outcome.done or ([] if outcome.wrong else ["is as declared"]):
            command.stdout.write(f"{outcome.key} {done}")
    if wrong:
        msg = "Not as declared in TENANTRY['DECLARED_TENANTS']:\n  "
        raise CommandError(msg + "\n  ".join(wrong))


def unfinished_keys() -> list[str]:
    """Return the keys of tenants that something was begun on, and not ended."""
    records = LifecycleRecord.objects.exclude(action=TEMPLATE).order_by("key")
    return list(records.values_list("key", flat=True))
