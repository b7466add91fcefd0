"""Say how a URL is resolved, step by step, and what its request would use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from django.core.management.base import CommandError
from django.test import RequestFactory

from tenantry.catalog.models import State
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.isolation import isolations
from tenantry.routing.chain import is_exempt, resolve, trace
from tenantry.routing.resolvers import Resolution, host_of
from tenantry.scopes.storage.contents import tenant_storages

if TYPE_CHECKING:
    from argparse import ArgumentParser

    from django.core.management.base import BaseCommand
    from django.http import HttpRequest

    from tenantry.types import TenantRef


def add_arguments(parser: ArgumentParser) -> None:
    """Add the verb's options."""
    parser.add_argument("url", help="such as https://acme.example.com/x")


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Print what each resolver says of the URL, and what follows from it."""
    request = request_for(options["url"])
    command.stdout.write(f"host: {host_of(request) or 'not a host name'}")
    if is_exempt(request):
        command.stdout.write("exempt: served without looking for a tenant")
        return
    decided = False
    for name, resolution in trace(request):
        said = describe(resolution)
        note = " (decides)" if resolution is not None and not decided else ""
        decided = decided or resolution is not None
        command.stdout.write(f"{name}: {said}{note}")
    for name, value in consequences(resolve(request)).items():
        command.stdout.write(f"{name}: {value}")


def request_for(url: str) -> HttpRequest:
    """Return a request such as a browser would make for the URL."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    if not parts.netloc:
        msg = (
            f"{url!r} has no host; give a whole URL, such as https://acme.example.com/"
        )
        raise CommandError(msg)
    return RequestFactory().get(
        parts.path or "/",
        query_params=None,
        headers={"host": parts.netloc},
        secure=parts.scheme == "https",
    )


def describe(resolution: Resolution | None) -> str:
    """Return what a resolver answered, in words."""
    if resolution is None:
        return "not mine"
    if resolution.tenant is None:
        return "the shared site"
    prefix = f", path prefix {resolution.prefix}" if resolution.prefix else ""
    return f"tenant {resolution.tenant.ref.key}{prefix}"


def folders_of(ref: TenantRef) -> dict[str, str]:
    """Return where the tenant's files are, in each storage that knows it."""
    with override_tenant(ref):
        return {
            f"files {alias}": storage.folder()
            for alias, storage in tenant_storages().items()
        }


def consequences(resolution: Resolution | None) -> dict[str, str]:
    """Return what a request so resolved would get and use."""
    if resolution is None:
        return {"answer": f"404, by {conf.not_found_view}"}
    shared_urlconf = conf.shared_urlconf or conf.root_urlconf
    if resolution.tenant is None:
        return {"urlconf": shared_urlconf, "database": "shared (default)"}
    ref = resolution.tenant.ref
    isolation = isolations[ref.placement]
    found = {
        "tenant": ref.key,
        "kind": ref.kind,
        "state": resolution.tenant.state,
        "placement": f"{ref.placement} ({isolation.name})",
        **isolation.describe(ref),
        "urlconf": conf.urlconf_of(ref.kind),
        **folders_of(ref),
    }
    if resolution.tenant.state != State.ACTIVE:
        found["answer"] = f"by {conf.unavailable_view}"
    if resolution.primary and conf.redirect_to_primary:
        found["answer"] = f"redirect to {''.join(resolution.primary)}"
    return found
