"""The chain of resolvers: the first that knows the request decides."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.module_loading import import_string

from tenantry.catalog.registry import normalized
from tenantry.conf import conf
from tenantry.routing.resolvers import (
    SHARED,
    CallableResolver,
    Resolution,
    Resolver,
    host_of,
)

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["chain", "is_exempt", "leads_to_tenant", "make_resolver", "resolve", "trace"]


class Chain:
    """The project's resolvers, made at first use."""

    def __init__(self) -> None:
        self._made: list[Resolver] | None = None

    def __call__(self) -> list[Resolver]:
        """Return the resolvers, in order."""
        made = self._made
        if made is None:
            made = self._made = [make_resolver(**given) for given in conf.resolvers]
        return made

    def reset(self) -> None:
        """Forget: the settings changed."""
        self._made = None


chain = Chain()
conf.on_change(chain.reset)


def make_resolver(BACKEND: Any, OPTIONS: dict[str, Any]) -> Resolver:  # noqa: N803
    """Return the resolver of one entry of the settings."""
    if BACKEND is None:
        msg = "An entry of TENANTRY['RESOLVERS'] has no BACKEND."
        raise ImproperlyConfigured(msg)
    try:
        backend = import_string(BACKEND) if isinstance(BACKEND, str) else BACKEND
    except ImportError as error:
        msg = f"TENANTRY['RESOLVERS'] names {BACKEND!r}: {error}."
        raise ImproperlyConfigured(msg) from error
    if not (isinstance(backend, type) and issubclass(backend, Resolver)):
        if OPTIONS:
            msg = f"{BACKEND} is a function: it takes no OPTIONS."
            raise ImproperlyConfigured(msg)
        return CallableResolver(backend)
    unknown = OPTIONS.keys() - backend.option_names
    if unknown:
        known = ", ".join(sorted(backend.option_names)) or "none"
        msg = f"{BACKEND} has no option {min(unknown)!r}; known: {known}."
        raise ImproperlyConfigured(msg)
    return backend(**{name.lower(): value for name, value in OPTIONS.items()})


def is_exempt(request: HttpRequest) -> bool:
    """Whether the request is served without looking for a tenant."""
    paths = conf.exempt_paths
    if paths and request.path_info.startswith(paths):
        return True
    hosts = conf.exempt_hosts
    return bool(hosts) and host_of(request) in hosts


def resolve(request: HttpRequest) -> Resolution | None:
    """Return whose request this is; None where nobody knows it."""
    for resolver in chain():
        found = resolver.resolve(request)
        if found is not None:
            return found
    return SHARED if _is_shared(request) else None


def _is_shared(request: HttpRequest) -> bool:
    host = host_of(request)
    if host is None:
        return False
    names: tuple[str, ...] = conf.shared_host_names
    if host in names:
        return True
    return any(n[0] == "." and (host == n[1:] or host.endswith(n)) for n in names if n)


def trace(request: HttpRequest) -> list[tuple[str, Resolution | None]]:
    """Return what each resolver says of the request, for `tenants explain`."""
    said = [(str(resolver), resolver.resolve(request)) for resolver in chain()]
    return [*said, ("the shared site", SHARED if _is_shared(request) else None)]


def leads_to_tenant(host: str) -> bool:
    """Whether the host leads to a tenant, so that Django may allow it."""
    name = normalized(host)
    return name is not None and any(r.leads_to_tenant(name) for r in chain())
