"""Pages of a tenant's own at another of its domains, whose forms it may take."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tenantry.catalog.registry import Entry, normalized, registry
from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.routing.chain import chain

if TYPE_CHECKING:
    from django.http import HttpRequest


def is_own_page(request: HttpRequest, address: str) -> bool:
    """Whether the address (an Origin or a Referer) is of the active tenant's own pages.

    Never where TENANTRY['CSRF_TRUST_OWN_DOMAINS'] does not say so, by another scheme,
    or at a port that is neither the scheme's own nor the request's.
    """
    tenant = ACTIVE.get()
    if tenant is None or not conf.csrf_trust_own_domains:
        return False
    try:
        parts = urlsplit(address)
        foreign_port = parts.port not in (None, int(request.get_port()))
    except ValueError:
        return False
    host = normalized(parts.hostname or "")
    if host is None or foreign_port or parts.scheme != request.scheme:
        return False
    return owns(registry.remembered(tenant.key), host)


def owns(tenant: Entry, host: str) -> bool:
    """Whether all that is served at the host is the tenant's.

    Tenants with path prefixes may share a host, and a page of one is then no other
    origin than a page of the other: such a host is nobody's own. Nor is one of which
    the tenant has some paths only: the shared site, or a tenant that another resolver
    finds, may have the rest.
    """
    domains = registry.by_host(host)
    if domains:
        keys = {domain.tenant.ref.key for domain in domains}
        return keys == {tenant.ref.key} and any(not each.path for each in domains)
    return any(resolver.address(tenant) == (host, "") for resolver in chain())
