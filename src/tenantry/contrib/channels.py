"""Channels: a socket lives in its tenant, and no message crosses to another's.

`TenantMiddleware` finds the tenant of a socket, and of a message to a worker;
`TenantChannelLayer` keeps groups apart. Consumers stay as they are.
"""

from __future__ import annotations

import functools
import hashlib
import io
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from asgiref.sync import sync_to_async
from channels.consumer import AsyncConsumer
from channels.exceptions import StopConsumer
from channels.layers import BaseChannelLayer
from django.core.exceptions import SynchronousOnlyOperation
from django.core.handlers.asgi import ASGIRequest
from django.utils.module_loading import import_string

from tenantry.catalog.models import State
from tenantry.catalog.registry import normalized, registry
from tenantry.context import override_tenant
from tenantry.routing.chain import is_exempt, resolve
from tenantry.routing.resolvers import SHARED, Resolution, host_of
from tenantry.scopes.tasks import CARRIED, active_key, atask_of
from tenantry.serving import block
from tenantry.users.impersonated_sessions import IN_SESSION

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from tenantry.types import TenantRef

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]
    Application = Callable[[dict[str, Any], Receive, Send], Awaitable[None]]

__all__ = [
    "KindRouter",
    "NotImpersonated",
    "SameOriginValidator",
    "TenantChannelLayer",
    "TenantMiddleware",
]

# Close codes of sockets that are not, or no longer, served.
NOT_FOUND, UNAVAILABLE, FORBIDDEN = 4404, 4503, 4403
LONGEST = 99  # characters of a group's name
logger = logging.getLogger("tenantry.channels")


class TenantMiddleware:
    """Runs a socket, or a worker's message, in its tenant; put it around all else.

    A socket's tenant is what TENANTRY["RESOLVERS"] say of its host, path and headers:
    `scope["tenant"]`, None on the shared site. A socket that leads nowhere is closed
    with code 4404, one of a tenant that is not active with 4503, also later on.
    Requests over HTTP pass: Django's own middleware knows them.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner
        _substitute_consumers()

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve the socket; everything else is served as it is."""
        if scope["type"] == "websocket":
            await self._serve(scope, receive, send)
        else:
            await self.inner(scope, receive, send)

    async def _serve(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        request = _request(scope)
        found = await _looked_up(lambda: _find(request))
        if found is None:
            await _close(receive, send, NOT_FOUND)
        elif found.tenant is None:
            with override_tenant(None):
                await self.inner({**scope, "tenant": None}, receive, send)
        elif found.tenant.state != State.ACTIVE:
            await _close(receive, send, UNAVAILABLE)
        else:
            ref, root = found.tenant.ref, request.script_name + found.prefix
            inside = {**scope, "tenant": found.tenant.instance()}
            if found.prefix:
                inside |= {"root_path": root, "headers": _nearest(scope["headers"])}
            with block(ref, root if found.prefix else ""):
                await self.inner(inside, _while_active(ref, receive, send), send)


def _request(scope: dict[str, Any]) -> ASGIRequest:
    """Return the request of a socket's handshake, for resolvers to look at."""
    request = ASGIRequest({**scope, "type": "http", "method": "GET"}, io.BytesIO())
    for name in ("session", "user"):
        if name in scope:
            setattr(request, name, scope[name])
    return request


def _find(request: ASGIRequest) -> Resolution | None:
    return SHARED if is_exempt(request) else resolve(request)


async def _looked_up(look: Callable[[], Any]) -> Any:
    """Ask the catalog: from memory at once, else where the database may block."""
    try:
        return look()
    except SynchronousOnlyOperation:
        return await sync_to_async(look)()


def _nearest(headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers with one cookie of each name: the first, of the longer path.

    Channels would take the last one, which is the shared site's.
    """
    kept = []
    for name, value in headers:
        if name != b"cookie":
            kept.append((name, value))
            continue
        first: dict[bytes, bytes] = {}
        for part in value.split(b";"):
            first.setdefault(part.partition(b"=")[0].strip(), part.strip())
        kept.append((name, b"; ".join(first.values())))
    return kept


async def _close(receive: Receive, send: Send, code: int) -> None:
    await receive()
    await send({"type": "websocket.close", "code": code})


def _while_active(ref: TenantRef, receive: Receive, send: Send) -> Receive:
    """Return what receives, until the tenant is no longer active."""

    async def receive_if_active() -> dict[str, Any]:
        message = await receive()
        if message["type"] == "websocket.receive":
            entry = await _looked_up(lambda: registry.by_key(ref.key))
            if entry is None or entry.state != State.ACTIVE:
                await send({"type": "websocket.close", "code": UNAVAILABLE})
                return {"type": "websocket.disconnect", "code": UNAVAILABLE}
        return message

    return receive_if_active


def _substitute_consumers() -> None:
    """Let consumers of a worker handle each message in the tenant it was sent in.

    A worker has one consumer for each channel, and all tenants' messages go to it: no
    middleware stands between one message and the next.
    """
    original = AsyncConsumer.__call__
    if hasattr(original, CARRIED):
        return

    @functools.wraps(original)
    async def call(  # noqa: PLR0917  (Channels' own)
        self: Any, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        if scope["type"] == "channel":
            self.dispatch = _in_its_tenant(self.dispatch, scope["channel"])
        await original(self, scope, receive, send)

    setattr(call, CARRIED, True)
    AsyncConsumer.__call__ = call


def _in_its_tenant(
    dispatch: Callable[[dict[str, Any]], Awaitable[None]], channel: str
) -> Callable[[dict[str, Any]], Awaitable[None]]:
    """Return what handles a message in its tenant.

    One that fails is logged, and does not take with it those that wait.
    """

    async def handle(message: dict[str, Any]) -> None:
        message = dict(message)
        try:
            async with atask_of(message.pop(CARRIED, None)):
                await dispatch(message)
        except StopConsumer:
            raise
        except Exception:
            logger.exception(
                "A message %r to the channel %r failed.", message.get("type"), channel
            )

    return handle


class KindRouter:
    """Routes a socket by the kind of its tenant; *shared* serves the shared site.

    A kind without an application is closed with code 4404.
    """

    def __init__(
        self, kinds: Mapping[str, Application], shared: Application | None = None
    ) -> None:
        self.kinds = kinds
        self.shared = shared

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve the socket by the application of its tenant's kind."""
        tenant = scope["tenant"]
        inner = self.shared if tenant is None else self.kinds.get(tenant.kind)
        if inner is None:
            await _close(receive, send, NOT_FOUND)
        else:
            await inner(scope, receive, send)


class SameOriginValidator:
    """Denies sockets that a page of another host opens, with code 4403.

    In place of Channels' `AllowedHostsOriginValidator`: tenants' hosts are in the
    catalog, and another tenant's pages are as foreign as any.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve the socket if its page is of the socket's own host."""
        origin = dict(scope["headers"]).get(b"origin", b"").decode("latin-1")
        try:
            host = normalized(urlsplit(origin).netloc)
        except ValueError:
            host = None
        if host is None or host != host_of(_request(scope)):
            await _close(receive, send, FORBIDDEN)
        else:
            await self.inner(scope, receive, send)


class NotImpersonated:
    """Denies sockets to who acts as another (`tenantry.users`), with code 4403.

    Put it where the session is known. What is sent on a socket is not recorded, and a
    socket may outlive the impersonation.
    """

    def __init__(self, inner: Application) -> None:
        self.inner = inner

    async def __call__(
        self, scope: dict[str, Any], receive: Receive, send: Send
    ) -> None:
        """Serve the socket if its session is the user's own."""
        session = scope["session"]
        if await sync_to_async(lambda: IN_SESSION in session)():
            await _close(receive, send, FORBIDDEN)
        else:
            await self.inner(scope, receive, send)


class ConsumersChannel(str):
    """The name of one consumer's channel: what it hears is checked."""

    __slots__ = ()


class TenantChannelLayer:
    """A channel layer whose groups are the active tenant's own, around any other.

    In `CHANNEL_LAYERS`, its `CONFIG` holds `BACKEND` and `CONFIG` of the other. A group
    of one name is another one in each tenant, and on the shared site. A message says
    where it was sent: what a tenant sends to the channel of another's consumer is
    dropped there, and logged; what the shared site sends arrives.
    """

    knows_tenant = True

    def __init__(self, *, BACKEND: str, CONFIG: dict[str, Any] | None = None) -> None:  # noqa: N803
        self.inner: Any = import_string(BACKEND)(**(CONFIG or {}))

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def group_name(self, group: str) -> str:
        """Return what the group of the active tenant is called in the other layer."""
        BaseChannelLayer().require_valid_group_name(group)
        key = active_key() or ""
        name = f"{key}.{group}"
        if len(name) > LONGEST:
            digest = hashlib.blake2b(group.encode(), digest_size=20).hexdigest()
            name = f"{key}..{digest}"
        return name

    async def group_add(self, group: str, channel: str) -> None:
        """Let the channel hear what is sent to the tenant's group."""
        await self.inner.group_add(self.group_name(group), channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Let the channel no longer hear it."""
        await self.inner.group_discard(self.group_name(group), channel)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to all channels of the tenant's group."""
        await self.inner.group_send(self.group_name(group), _carrying(message))

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Send to one channel: a consumer's, or a worker's of all tenants."""
        await self.inner.send(channel, _carrying(message))

    async def new_channel(self, *args: Any, **kwargs: Any) -> Any:
        """Return a channel's name that nobody else has."""
        return ConsumersChannel(await self.inner.new_channel(*args, **kwargs))

    async def receive(self, channel: str) -> dict[str, Any]:
        """Return the next message to the channel; a worker's says where it belongs."""
        while True:
            # Other consumers may be given the same object.
            message = dict(await self.inner.receive(channel))
            if not isinstance(channel, ConsumersChannel):
                return message
            sender = message.pop(CARRIED, "?")
            if sender in (None, active_key()):
                return message
            logger.error(
                "A message %r of tenant %r to a consumer of %r was dropped.",
                message.get("type"),
                sender,
                active_key() or "the shared site",
            )


def _carrying(message: dict[str, Any]) -> dict[str, Any]:
    return {**message, CARRIED: active_key()}
