"""Django's test clients and request factories, sending their requests to a tenant.

A request begins with no tenant active, as in production: what finds the tenant is the
project's own middleware.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async
from django.test.client import AsyncClient, AsyncRequestFactory, Client, RequestFactory

from tenantry.catalog.registry import registry
from tenantry.context import as_ref, override_tenant, require_tenant
from tenantry.routing.prefix import move_into_prefix
from tenantry.testing.addresses import TEST_SERVER, Address, address

if TYPE_CHECKING:
    from tenantry.types import HasRef, TenantRef

# Their underscored methods, which are wrapped here, are in no stubs.
Django: Any = Client
AsyncDjango: Any = AsyncClient
Factory: Any = RequestFactory
AsyncFactory: Any = AsyncRequestFactory
Base: Any = object


class OfTenant(Base):  # type: ignore[misc]
    """Mixin: what is sent goes to one tenant, the active one unless another is given.

    Raises `NoActiveTenant` where there is neither.
    """

    tenant: TenantRef
    defaults: dict[str, Any]

    def __init__(
        self, *args: Any, tenant: TenantRef | HasRef | str | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.tenant = as_ref(tenant) or require_tenant()

    def _address(self, given: dict[str, Any]) -> Address:
        """Return the tenant's address, or none of it where the caller names a host."""
        if {"SERVER_NAME", "HTTP_HOST"} & (self.defaults.keys() | given.keys()):
            return Address()
        return address(self.tenant.key)


class WSGIOfTenant(OfTenant):
    """The environment of a request that leads to the tenant."""

    def _base_environ(self, **request: Any) -> dict[str, Any]:
        where = self._address(request)
        environ: dict[str, Any] = super()._base_environ(**request)
        if where.host != TEST_SERVER:
            environ["SERVER_NAME"] = where.host
        environ["PATH_INFO"] = where.path(environ["PATH_INFO"])
        for name, value in where.headers.items():
            environ.setdefault(f"HTTP_{name.upper().replace('-', '_')}", value)
        return environ


class ASGIOfTenant(OfTenant):
    """The scope of a request that leads to the tenant."""

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        scope: dict[str, Any] = super()._base_scope(**request)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if any(host != b"testserver" for host in hosts):
            return scope
        where = self._address(request)
        scope["path"] = where.path(scope["path"])
        kept = [pair for pair in scope["headers"] if pair[0] != b"host"]
        named = {"host": where.host, **where.headers}
        given = {name for name, _ in kept}
        scope["headers"] = kept + [
            (name.lower().encode(), value.encode())
            for name, value in named.items()
            if name.lower().encode() not in given
        ]
        return scope


class SessionsOfTenant(OfTenant):
    """Logging in, and the session, are the tenant's, whichever is active."""

    @property
    def session(self) -> Any:
        """Return the session, made where there is none."""
        with override_tenant(self.tenant):
            return super().session

    def login(self, **credentials: Any) -> bool:
        """Log a user of the tenant in; return whether the credentials were right."""
        with override_tenant(self.tenant):
            return bool(super().login(**credentials))

    def force_login(self, user: Any, backend: str | None = None) -> None:
        """Log a user of the tenant in, without a password."""
        with override_tenant(self.tenant):
            super().force_login(user, backend)

    def logout(self) -> None:
        """Log the user out, and forget the cookies."""
        with override_tenant(self.tenant):
            super().logout()

    async def asession(self) -> Any:
        """Do what `session` does, asynchronously."""
        async with override_tenant(self.tenant):
            return await super().asession()

    async def alogin(self, **credentials: Any) -> bool:
        """Do what `login` does, asynchronously."""
        async with override_tenant(self.tenant):
            return bool(await super().alogin(**credentials))

    async def aforce_login(self, user: Any, backend: str | None = None) -> None:
        """Do what `force_login` does, asynchronously."""
        async with override_tenant(self.tenant):
            await super().aforce_login(user, backend)

    async def alogout(self) -> None:
        """Do what `logout` does, asynchronously."""
        async with override_tenant(self.tenant):
            await super().alogout()


class TenantClient(SessionsOfTenant, WSGIOfTenant, Django):  # type: ignore[misc]
    """Django's test client, for one tenant: `client.get("/")` is its front page."""

    def request(self, **request: Any) -> Any:
        """Send a request, beginning with no tenant active."""
        with override_tenant(None):
            return super().request(**request)


class AsyncTenantClient(SessionsOfTenant, ASGIOfTenant, AsyncDjango):  # type: ignore[misc]
    """Django's asynchronous test client, for one tenant."""

    async def request(self, **request: Any) -> Any:
        """Send a request, beginning with no tenant active."""
        # Where the tenant is to be looked up in the database, that may not block.
        await sync_to_async(address)(self.tenant.key)
        async with override_tenant(None):
            return await super().request(**request)


class TenantRequestFactory(WSGIOfTenant, Factory):  # type: ignore[misc]
    """Django's request factory; requests know their tenant, as after the middleware."""

    def request(self, **request: Any) -> Any:
        """Return a request with `request.tenant`."""
        return _with_tenant(super().request(**request), self.tenant)


class AsyncTenantRequestFactory(ASGIOfTenant, AsyncFactory):  # type: ignore[misc]
    """Django's asynchronous request factory, for one tenant."""

    def request(self, **request: Any) -> Any:
        """Return a request with `request.tenant`."""
        return _with_tenant(super().request(**request), self.tenant)


def _with_tenant(request: Any, tenant: TenantRef) -> Any:
    entry = registry.by_key(tenant.key)
    request.tenant = None if entry is None else entry.instance()
    prefix = address(tenant.key).prefix
    if prefix and request.path_info.startswith(prefix):
        move_into_prefix(request, prefix)
    return request
