"""Absolute URLs of a tenant outside of a request: in tasks, mails and the shell."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.urls import get_urlconf, reverse, set_urlconf

from tenantry.conf import conf
from tenantry.context import override_tenant
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
    target: Any = "/",
    *args: Any,
    **kwargs: Any,
) -> str:
    """Return the tenant's URL of a path (`/x`), a name with arguments, or an object."""
    host, prefix = address_of(tenant)
    if isinstance(target, str) and target.startswith("/"):
        path = prefix + target
    else:
        urlconf = conf.urlconf_of(tenant.ref.kind)
        with override_tenant(tenant.ref), script_prefix(prefix + "/"):
            if isinstance(target, str):
                path = reverse(target, urlconf=urlconf, args=args, kwargs=kwargs)
            else:
                path = _path_of(target, urlconf)
    return f"{conf.scheme}://{with_port(host)}{path}"


def shared_url(name: str, *args: Any, **kwargs: Any) -> str:
    """Return the shared site's URL of that name, with its host.

    Raises `NoReverseMatch`, and `NotSupported` where no host is known to be its own.
    """
    host = next((each for each in conf.shared_host_names if each[0] != "."), None)
    if host is None:
        msg = (
            "The shared site has no host to link to. Name it in SHARED_HOSTS, or in "
            "ALLOWED_HOSTS."
        )
        raise NotSupported(msg)
    urlconf = conf.shared_urlconf or conf.root_urlconf
    with override_tenant(None), script_prefix("/"):
        path = reverse(name, urlconf=urlconf, args=args, kwargs=kwargs)
    return f"{conf.scheme}://{with_port(host)}{path}"


def _path_of(target: Any, urlconf: str) -> str:
    """Return what the object says, reversing names by the URLconf."""
    before = get_urlconf()
    set_urlconf(urlconf)
    try:
        return str(target.get_absolute_url())
    finally:
        set_urlconf(before)


def with_port(host: str) -> str:
    """Return the host with `URL_PORT`, where that is not the scheme's own."""
    port = conf.url_port
    if port and port != DEFAULT_PORTS.get(conf.scheme):
        return f"{host}:{port}"
    return host
