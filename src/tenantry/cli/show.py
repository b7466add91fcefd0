"""Show all about one tenant."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tenantry.catalog.models import LifecycleRecord
from tenantry.catalog.registry import Entry, registry
from tenantry.catalog.settings import masked
from tenantry.conf import conf
from tenantry.exceptions import NotSupported, TenantNotFound
from tenantry.isolation import isolations
from tenantry.routing.absolute import absolute_url
from tenantry.scopes.storage.contents import tenant_storages, usage

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand

from tenantry.cli.options import add_format


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("key")
    parser.add_argument(
        "--files",
        action="store_true",
        help="count the files that it saved, and their bytes",
    )
    add_format(parser)


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print the row, the domains, where it lives, and what is left unfinished."""
    tenant = registry.tenant_model._base_manager.filter(key=options["key"]).first()
    if tenant is None:
        raise TenantNotFound(options["key"])
    facts = facts_of(tenant)
    if options["files"]:
        facts |= files_of(tenant)
    if options["format"] == "json":
        command.stdout.write(json.dumps(facts, indent=2, default=str))
        return
    for name, value in facts.items():
        command.stdout.write(f"{name + ':':<14} {value}")


def files_of(tenant: Any) -> dict[str, Any]:
    """Return how many files the tenant has in each storage that knows it."""
    found: dict[str, Any] = {}
    for alias in tenant_storages():
        used = usage(tenant, alias=alias)
        found[f"files {alias}"], found[f"bytes {alias}"] = used.files, used.bytes
    return found or {"files": "none: no storage in STORAGES knows the tenant"}


def facts_of(tenant: Any) -> dict[str, Any]:
    """Return what is known of the tenant, in the order in which it is shown."""
    isolation = isolations[tenant.placement]
    facts = {
        field.name: getattr(tenant, field.attname)
        for field in tenant._meta.concrete_fields
    }
    facts["settings"] = masked(tenant.settings)
    if registry.domain_model is not None:
        domains = registry.domain_model.objects.filter(tenant=tenant)
        facts["domains"] = ", ".join(
            f"{domain}{' (primary)' if domain.is_primary else ''}" for domain in domains
        )
    try:
        facts["url"] = absolute_url(Entry(tenant))
    except NotSupported as error:
        facts["url"] = f"none: {error}"
    facts["declared"] = tenant.key in conf.declared_tenants
    facts["isolation"] = isolation.name
    facts.update(isolation.describe(tenant.ref))
    facts["is there"] = isolation.exists(tenant.ref)
    record = LifecycleRecord.objects.filter(key=tenant.key).first()
    if record is not None:
        facts["unfinished"] = (
            f"{record.action}, after step {record.step!r}, by {record.owner}: "
            f"manage.py tenants create --resume {tenant.key}"
        )
    return facts
