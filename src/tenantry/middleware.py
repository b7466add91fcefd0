"""`TenantMiddleware`: finds the request's tenant and makes it the active one."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.core.exceptions import SynchronousOnlyOperation
from django.http import HttpResponsePermanentRedirect
from django.urls import URLResolver, get_resolver, set_urlconf
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string

from tenantry.catalog import audit
from tenantry.catalog.models import State
from tenantry.conf import conf
from tenantry.context import keep_tenant, keep_tenant_async, override_tenant
from tenantry.routing.absolute import DEFAULT_PORTS
from tenantry.routing.chain import chain, is_exempt, resolve
from tenantry.routing.prefix import keep_cookies_within, move_into_prefix
from tenantry.routing.resolvers import SHARED, Resolution
from tenantry.serving import block
from tenantry.signals import tenant_resolved

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from contextlib import AbstractContextManager

    from django.http import HttpRequest
    from django.http.response import HttpResponseBase


__all__ = ["TenantMiddleware"]

SAFE_METHODS = ("GET", "HEAD")
PERMANENT_SAME_METHOD = 308
PORT = re.compile(r":(\d+)\Z")


class TenantMiddleware:
    """Sets `request.tenant` and makes it active for the request; put it first.

    One class for sync and async. Streaming responses keep their tenant while they are
    sent. Imports the URLconfs when it is made, with no tenant active: QuerySets at
    class level of forms and views would else be bound to the first request's tenant.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        with override_tenant(None):
            for urlconf in conf.urlconfs:
                import_whole(get_resolver(urlconf))

    def __call__(self, request: HttpRequest) -> Any:
        """Answer the request in its tenant."""
        if self.is_async:
            return self.__acall__(request)
        found = self.find(request)
        if not isinstance(found, Resolution):
            return found
        with enter(request, found), audit.answering(request):
            announce(request)
            return finish(request, self.get_response(request), found)

    async def __acall__(self, request: HttpRequest) -> HttpResponseBase:
        """Answer the request in its tenant, asynchronously."""
        try:
            found = self.find(request)
        except SynchronousOnlyOperation:
            # Not in memory: ask the database, where that may block.
            found = await sync_to_async(self.find)(request)
        if not isinstance(found, Resolution):
            return found
        with enter(request, found), audit.answering(request):
            announce(request)
            response: Awaitable[HttpResponseBase] = self.get_response(request)
            finished: HttpResponseBase = finish(request, await response, found)
            return finished

    def find(self, request: HttpRequest) -> Resolution | HttpResponseBase:
        """Return what the request means, or the answer where it cannot be served."""
        if is_exempt(request):
            return SHARED
        found = resolve(request)
        if found is None:
            return self.answer(conf.not_found_view, request)
        if found.tenant is None:
            return found
        if found.tenant.state != State.ACTIVE:
            instance = found.tenant.instance()
            return self.answer(conf.unavailable_view, request, instance)
        return redirect(request, found) or found

    def answer(self, view: str, request: HttpRequest, *args: Any) -> HttpResponseBase:
        """Return what the project's view says, with no tenant active."""
        request.tenant = None  # type: ignore[attr-defined]
        with override_tenant(None):
            response: HttpResponseBase = import_string(view)(request, *args)
            vary(response)
            return response


def enter(request: HttpRequest, found: Resolution) -> AbstractContextManager[Any]:
    """Set on the request what was found, and return what makes it active."""
    entry = found.tenant
    if entry is None:
        request.tenant = None  # type: ignore[attr-defined]
        serve_by(request, conf.shared_urlconf)
        return override_tenant(None)
    request.tenant = entry.instance()  # type: ignore[attr-defined]
    serve_by(request, conf.kind(entry.ref.kind).urlconf)
    if not found.prefix:
        if not conf.activated_settings:
            return override_tenant(entry.ref)
        return block(entry.ref, "")
    move_into_prefix(request, found.prefix)
    return block(entry.ref, request.META["SCRIPT_NAME"])


def serve_by(request: HttpRequest, urlconf: str | None) -> None:
    """Let the URLconf serve the request, unless it is Django's own ROOT_URLCONF.

    Django follows `request.urlconf` when it resolves the path; middleware that reverses
    names before that is told too.
    """
    if urlconf:
        request.urlconf = urlconf
        set_urlconf(urlconf)


def announce(request: HttpRequest) -> None:
    """Send `tenant_resolved`, with the tenant active."""
    tenant = request.tenant  # type: ignore[attr-defined]
    if tenant is not None and tenant_resolved.receivers:
        tenant_resolved.send(sender=TenantMiddleware, request=request, tenant=tenant)


def finish(request: HttpRequest, response: Any, found: Resolution) -> Any:
    """Let the response keep its tenant while it is streamed, its cookies within it."""
    vary(response)
    if found.tenant is None:
        return response
    prefix = request.META["SCRIPT_NAME"] if found.prefix else ""
    if prefix:
        keep_cookies_within(response, prefix)
    if response.streaming and getattr(response, "file_to_stream", None) is None:
        keep = keep_tenant_async if response.is_async else keep_tenant
        response.streaming_content = keep(
            response.streaming_content, partial(block, found.tenant.ref, prefix)
        )
    return response


def redirect(request: HttpRequest, found: Resolution) -> HttpResponseBase | None:
    """Return a redirect to the primary domain, or to the prefix with its slash."""
    if found.prefix and request.path_info == found.prefix:
        query = request.META.get("QUERY_STRING")
        target = request.path + "/" + (f"?{query}" if query else "")
        return _permanent(request, target)
    if found.primary is None or not conf.redirect_to_primary:
        return None
    host, prefix = found.primary
    # The port that was asked for: the server's own may be another, behind a proxy.
    port = PORT.search(request._get_raw_host())  # type: ignore[attr-defined]  # noqa: SLF001
    if port is not None and int(port[1]) != DEFAULT_PORTS[request.scheme or "http"]:
        host = f"{host}:{port[1]}"
    path = request.get_full_path().removeprefix(found.prefix)
    return _permanent(request, f"{request.scheme}://{host}{prefix}{path}")


def _permanent(request: HttpRequest, target: str) -> HttpResponseBase:
    response = HttpResponsePermanentRedirect(target)
    if request.method not in SAFE_METHODS:
        response.status_code = PERMANENT_SAME_METHOD
    vary(response)
    return response


def vary(response: HttpResponseBase) -> None:
    """Tell caches by which headers the tenant was looked for.

    Django's own among them: `UpdateCacheMiddleware` may be before this middleware.
    """
    names = [name for resolver in chain() for name in resolver.varies_by]
    if names:
        patch_vary_headers(response, names)


def import_whole(resolver: URLResolver) -> None:
    """Import a URLconf and all that it includes."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            import_whole(pattern)
