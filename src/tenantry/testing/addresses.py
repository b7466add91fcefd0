"""How a tenant is reached by requests: by host, path prefix or header."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from django.test.client import RequestFactory

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.routing.chain import chain, resolve
from tenantry.routing.resolvers import HeaderResolver

if TYPE_CHECKING:
    from tenantry.catalog.registry import Entry
    from tenantry.types import HasRef

TEST_SERVER = "testserver"


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What a request needs so that it leads to a tenant."""

    host: str = TEST_SERVER
    prefix: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    def path(self, path: str) -> str:
        """Return the path with the tenant's prefix, put in front once."""
        if (
            not self.prefix
            or path == self.prefix
            or path[: len(self.prefix) + 1] == (self.prefix + "/")
        ):
            return path
        return self.prefix + path


def address(key: str) -> Address:
    """Return how the tenant is reached: by the first resolver that can tell.

    Raises `NotSupported` where none can: the choice is the session's, or the project's
    own function's.
    """
    with override_tenant(None):
        entry = registry.by_key(key)
        found = None if entry is None else _address(entry)
    if found is None:
        msg = (
            f"No resolver in TENANTRY['RESOLVERS'] can say how tenant {key!r} is "
            "reached. Give the client what your resolver looks at: a host "
            "(SERVER_NAME=...), headers={...}, or a session."
        )
        raise NotSupported(msg)
    return found


def _address(entry: Entry) -> Address | None:
    for resolver in chain():
        if isinstance(resolver, HeaderResolver):
            return Address(headers={resolver.name: entry.ref.key})
        given = resolver.address(entry)
        if given is not None:
            host, prefix = given
            return Address(host=host or _shared_host(), prefix=prefix)
    return None


def _shared_host() -> str:
    return next((n for n in conf.shared_host_names if n[0] != "."), TEST_SERVER)


def warm(tenant: HasRef) -> None:
    """Let the catalog know the tenant by heart: no query of it is counted in a test.

    Nobody else changes the catalog of a test's process, so it is not asked for changes.
    """
    key = tenant.ref.key
    try:
        where = address(key)
    except NotSupported:
        where = Address()
    request = RequestFactory(headers=where.headers or None, SERVER_NAME=where.host).get(
        where.path("/")
    )
    with override_tenant(None):
        resolve(request)
        registry.primary_domain(key)
    registry.stop_looking()
