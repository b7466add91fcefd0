"""Absolute URLs of a tenant outside of a request: in tasks, mails and the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import reverse

from tenantry.conf import conf
from tenantry.exceptions import NotSupported
from tenantry.routing.chain import chain
from tenantry.routing.prefix import script_prefix

if TYPE_CHECKING:
    from tenantry.catalog.registry import Entry

DEFAULT_PORTS = {"http": 80, "https": 443}


def address_of(tenant: Entry) -> tuple[str, str]:
    """Return host and path prefix of the first resolver that reaches the tenant.

    Raises `NotSupported` where none of them gives it an address.
    """
    for resolver in chain():
        address = resolver.address(tenant)
        if address is None:
            continue
        host, prefix = address
        host = host or next((n for n in conf.shared_host_names if n[0] != "."), None)
        if host is not None:
            return host, prefix
    msg = (
        f"No resolver gives tenant {tenant.ref.key!r} an address. Give it a domain, or "
        "add SubdomainResolver or PathResolver (with SHARED_HOSTS) to RESOLVERS."
    )
    raise NotSupported(msg)


def absolute_url(
    tenant: Entry,
    path_or_name: str = "/",
    *args: Any,
    **kwargs: Any,
) -> str:
    """Return the tenant's URL of a path (`/x`) or of a name with its arguments."""
    host, prefix = address_of(tenant)
    if path_or_name.startswith("/"):
        path = prefix + path_or_name
    else:
        with script_prefix(prefix + "/"):
            urlconf = conf.urlconf_of(tenant.ref.kind)
            path = reverse(path_or_name, urlconf=urlconf, args=args, kwargs=kwargs)
    port = conf.url_port
    if port and port != DEFAULT_PORTS.get(conf.scheme):
        host = f"{host}:{port}"
    return f"{conf.scheme}://{host}{path}"
