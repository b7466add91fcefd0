"""`UsersMiddleware`: who is behind a session, and whether it may go on."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.contrib.auth import logout
from django.http import HttpResponseRedirect

from tenantry.catalog.acting import Acting, acting
from tenantry.context import keep_tenant, keep_tenant_async
from tenantry.users import banner, impersonation, recording
from tenantry.users.counterparts import still_allowed
from tenantry.users.impersonated_sessions import IN_SESSION, of_session, way_out

if TYPE_CHECKING:
    from collections.abc import Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

__all__ = ["UsersMiddleware"]

FAILED = 500

# What URLconfs call a part of the path that opens something.
IN_PATHS = frozenset({"code", "key", "secret", "ticket", "token"})


class UsersMiddleware:
    """Sets `request.impersonator`; put it right after AuthenticationMiddleware.

    While somebody acts as another, each request asks whether they still may, is
    recorded, and shows the banner. One class for sync and async. Other requests are
    looked at once, without a query but that of their session.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)
        recording.listen()

    def __call__(self, request: HttpRequest) -> Any:
        """Answer the request, as whom its session is for."""
        if self.is_async:
            return self.__acall__(request)
        found = look(request)
        if found is None:
            return self.get_response(request)
        if not isinstance(found, Acting):
            return found
        with acting(found):
            try:
                response = self.get_response(request)
            except BaseException:
                write_down(request, found, FAILED)
                raise
        return finish(request, response, found)

    async def __acall__(self, request: HttpRequest) -> Any:
        """Answer the request, asynchronously."""
        request.impersonator = None  # type: ignore[attr-defined]
        if request.session.session_key is None:
            return await self.get_response(request)
        found = await sync_to_async(look)(request)
        if found is None:
            return await self.get_response(request)
        if not isinstance(found, Acting):
            return found
        with acting(found):
            try:
                response = await self.get_response(request)
            except BaseException:
                await sync_to_async(write_down)(request, found, FAILED)
                raise
        return await sync_to_async(finish)(request, response, found)

    def process_view(self, request: HttpRequest, *_view: Any) -> HttpResponse | None:
        """Refuse the views that are closed to whoever acts as another."""
        is_acting = request.impersonator is not None  # type: ignore[attr-defined]
        if is_acting and impersonation.is_blocked(request):
            return impersonation.blocked(request).render()
        return None


def look(request: HttpRequest) -> Acting | HttpResponseBase | None:
    """Return as whom somebody acts in this session, or the answer if they may not."""
    request.impersonator = None  # type: ignore[attr-defined]
    # Not the session itself, where there is none: that would make the page private.
    if request.session.session_key is None:
        return None
    if IN_SESSION not in request.session:
        if not still_allowed(request):
            logout(request)
        return None
    found = of_session(request)
    if found is None:
        return leave(request)
    request.impersonator = found.impersonator  # type: ignore[attr-defined]
    recording.begin()
    banner.ask_for_pages(request)
    return found


def leave(request: HttpRequest) -> HttpResponseBase:
    """End the session, and go to the shared site."""
    request.session.flush()
    return HttpResponseRedirect(way_out())


def finish(request: HttpRequest, response: Any, who: Acting) -> Any:
    """Record the request, and put the banner into its answer."""
    write_down(request, who, response.status_code)
    if request.session.get(IN_SESSION) != who.pk:
        impersonation.end(who.pk)  # logged out, or in as somebody else
        return response
    banner.put(request, response, who)
    if response.streaming and getattr(response, "file_to_stream", None) is None:
        keep = keep_tenant_async if response.is_async else keep_tenant
        response.streaming_content = keep(
            response.streaming_content, partial(acting, who)
        )
    return response


def write_down(request: HttpRequest, who: Acting, status: int) -> None:
    """Record the request: no values of the query, and no tokens, which are secrets."""
    path = request.path
    match = request.resolver_match
    for name, value in ({} if match is None else match.kwargs).items():
        if name in IN_PATHS:
            path = path.replace(str(value), f"<{name}>")
    recording.record(
        who,
        "request",
        target=f"{request.method} {path}",
        method=request.method,
        path=path,
        status=status,
    )
