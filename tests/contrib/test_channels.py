"""Channels: sockets live in their tenant; no message crosses to another's.

The same groups, users and rows in each tenant, over Redis and in memory.
"""

import asyncio
import json
import secrets
from contextlib import asynccontextmanager, suppress
from unittest import mock

import pytest
from asgiref.sync import sync_to_async
from channels.auth import AuthMiddlewareStack
from channels.consumer import AsyncConsumer, SyncConsumer
from channels.generic.websocket import AsyncJsonWebsocketConsumer, JsonWebsocketConsumer
from channels.layers import channel_layers, get_channel_layer
from channels.routing import ChannelNameRouter, ProtocolTypeRouter, URLRouter
from channels.worker import Worker
from django.test import override_settings
from django.urls import path, reverse

from tenantry import get_tenant, override_tenant
from tenantry.contrib.channels import (
    KindRouter,
    NotImpersonated,
    SameOriginValidator,
    TenantChannelLayer,
    TenantMiddleware,
)
from tenantry.users.impersonated_sessions import IN_SESSION
from tests import servers
from tests.contrib.sockets import SECONDS, Socket
from tests.world import drop, provision, replaced, run, two_tenants

PK = 1_000_001
MEMORY = "channels.layers.InMemoryChannelLayer"
REDIS = "channels_redis.core.RedisChannelLayer"
PUBSUB = "channels_redis.pubsub.RedisPubSubChannelLayer"
BY = "the socket's host or path; group names with the tenant's key"
pytestmark = [
    # asgiref's server, of Channels' workers, and redis-py's clients of a closed loop
    pytest.mark.filterwarnings("ignore:async_to_sync was passed a non-async"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
heard = []


class Room(AsyncJsonWebsocketConsumer):
    """Joins the room; says what its tenant has, and passes on what it is told."""

    async def connect(self):
        await self.channel_layer.group_add("room", self.channel_name)
        await self.accept()

    async def receive_json(self, content):
        if "say" in content:
            said = {"type": "said", "what": content["say"]}
            await self.channel_layer.group_send("room", said)
        elif "tell" in content:
            said = {"type": "said", "what": content["what"]}
            await self.channel_layer.send(content["tell"], said)
        else:
            from tests.shop.models import Author

            author = await Author.objects.aget(pk=PK)
            await self.send_json([author.name, self.channel_name])

    async def said(self, event):
        assert set(event) == {"type", "what"}
        await self.send_json([event["what"], str(get_tenant())])


class SyncRoom(JsonWebsocketConsumer):
    """Says who is there and where, from a thread."""

    def receive_json(self, content):  # noqa: ARG002  (Channels' own)
        from tests.shop.models import Author

        name = Author.objects.get(pk=PK).name
        user = self.scope["user"]
        self.send_json([name, user.get_username(), reverse("whoami")])


class AsyncWork(AsyncConsumer):
    """Works in the background, in a worker of all tenants."""

    async def work(self, message):
        assert set(message) == {"type", "number"}
        heard.append((message["number"], str(get_tenant())))
        if message["number"] == "fail":
            raise ValueError(message)


class SyncWork(SyncConsumer):
    """The same, in a thread, with the database."""

    def work(self, message):
        from tests.shop.models import Author

        heard.append((message["number"], Author.objects.get(pk=PK).name))


async def whoami(scope, receive, send):
    """Say which tenant is active: an application without Channels' consumers."""
    await receive()
    await send({"type": "websocket.accept"})
    tenant = scope["tenant"]
    said = [tenant and tenant.key, get_tenant() and get_tenant().key]
    await send({"type": "websocket.send", "text": json.dumps(said)})


routes = URLRouter(
    [
        path("room/", Room.as_asgi()),
        path("sync/", AuthMiddlewareStack(SyncRoom.as_asgi())),
        path("whoami/", whoami),
    ]
)
workers = {"work": AsyncWork.as_asgi(), "sync-work": SyncWork.as_asgi()}
application = TenantMiddleware(
    ProtocolTypeRouter({"websocket": routes, "channel": ChannelNameRouter(workers)})
)


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    from django.contrib.auth.models import User

    from tests.shop.models import Author

    with django_db_blocker.unblock(), two_tenants() as made:
        for tenant in made:
            with override_tenant(tenant):
                Author.objects.create(pk=PK, name=tenant.key)
                User.objects.create_user(f"user of {tenant.key}", pk=PK)
        yield made


LAYERS = [
    pytest.param(MEMORY, marks=pytest.mark.service("Channels", "in memory", by=BY)),
    *(
        pytest.param(
            layer,
            marks=[
                pytest.mark.redis,
                pytest.mark.service("Channels", f"Redis ({name})", by=BY),
            ],
        )
        for name, layer in (("lists", REDIS), ("pubsub", PUBSUB))
    ),
]
# Channels' workers need a layer that keeps what nobody is waiting for yet.
for_workers = pytest.mark.parametrize("layer", LAYERS[:2], indirect=True)


@pytest.fixture(params=LAYERS)
def layer(request):
    config = {}
    if request.param != MEMORY:
        prefix = f"tenantry-{secrets.token_hex(4)}"
        config = {"hosts": [f"{servers.redis()}/0"], "prefix": prefix}
    inner = {"BACKEND": request.param, "CONFIG": config}
    ours = "tenantry.contrib.channels.TenantChannelLayer"
    layers = {"default": {"BACKEND": ours, "CONFIG": inner}}
    with override_settings(CHANNEL_LAYERS=layers):
        # How long Python 3.11 waits for a socket that leaves.
        get_channel_layer().inner.brpop_timeout = 0.2
        yield inner


@asynccontextmanager
async def socket(tenant, at="/room/", *, host=None, headers=()):
    """Connect to the tenant's site for a block."""
    host = host or (f"{tenant.key}.example.org" if tenant else "example.com")
    name = [(b"host", host.encode())]
    made = Socket(application, at, headers=[*name, *headers])
    made.accepted, made.code = await made.connect()
    try:
        yield made
    finally:
        with suppress(asyncio.CancelledError, Exception):
            await made.disconnect()


async def said_to(*sockets):
    """Return what each has heard by now."""
    found = []
    for each in sockets:
        found.append([])
        while not await each.receive_nothing(timeout=0.3):
            found[-1].append(await each.hear())
    return found


def in_loop(function):
    """Run an asynchronous test, and let go of what layers keep for its loop."""

    async def whole():
        try:
            await function()
        finally:
            await get_channel_layer().flush()
            channel_layers.backends.clear()

    run(whole())


def test_a_socket_sees_its_tenants_rows_and_hears_its_own_room(tenants, layer):
    a, b = tenants

    async def test():
        async with socket(a) as a1, socket(a) as a2, socket(b) as b1:
            for each, tenant in ((a1, a), (b1, b), (a1, a)):
                await each.say({})
                assert (await each.hear())[0] == tenant.key
            await a1.say({"say": "hello of a"})
            await b1.say({"say": "hello of b"})
            of_a, of_b = ["hello of a", a.key], ["hello of b", b.key]
            assert await said_to(a1, a2, b1) == [[of_a], [of_a], [of_b]]

    in_loop(test)


def test_many_messages_at_once_do_not_cross(tenants, layer):
    a, b = tenants

    async def speak(each, tenant, number):
        await each.say({"say": f"{number} of {tenant.key}"})
        return [await each.hear() for _ in range(3)]

    async def test():
        sockets = [(tenant, socket(tenant)) for tenant in (a, b) for _ in range(3)]
        opened = [(tenant, await each.__aenter__()) for tenant, each in sockets]
        answers = await asyncio.gather(
            *(speak(each, tenant, n) for n, (tenant, each) in enumerate(opened))
        )
        for (tenant, each), said in zip(opened, answers, strict=True):
            assert {(what[5:], key) for what, key in said} == {(tenant.key, tenant.key)}
            assert len({what for what, _ in said}) == 3
            assert await each.receive_nothing(timeout=0.01)
        for _, each in sockets:
            await each.__aexit__(None, None, None)

    in_loop(test)


def test_what_a_tenant_sends_to_anothers_channel_is_dropped(tenants, layer, caplog):
    a, b = tenants

    async def test():
        async with socket(a) as a1, socket(b) as b1:
            await b1.say({})
            channel = (await b1.hear())[1]
            await a1.say({"tell": channel, "what": "from a"})
            assert await said_to(a1, b1) == [[], []]
            with override_tenant(None):  # the shared site may
                message = {"type": "said", "what": "from all"}
                await get_channel_layer().send(channel, message)
            assert await said_to(a1, b1) == [[], [["from all", b.key]]]

    in_loop(test)
    assert f"of tenant {a.key!r} to a consumer of {b.key!r} was dropped" in caplog.text


@asynccontextmanager
async def background(*channels):
    worker = Worker(application, list(channels), get_channel_layer())
    running = asyncio.ensure_future(worker.handle())
    heard.clear()
    try:
        yield
    finally:
        running.cancel()
        for instance in worker.application_instances.values():
            instance["future"].cancel()
        with suppress(asyncio.CancelledError):
            await running


async def wait_until(number):
    for _ in range(500):
        if len(heard) >= number:
            return
        await asyncio.sleep(0.01)


@for_workers
def test_a_worker_runs_each_message_in_the_tenant_it_was_sent_in(tenants, layer):
    a, b = tenants
    places = [a, None, b, a, b, None]

    async def test():
        channels = get_channel_layer()
        async with background("work", "sync-work"):
            for number, place in enumerate(places):
                with override_tenant(place):
                    message = {"type": "work", "number": number}
                    await channels.send("work", message)
                    if place:
                        await channels.send("sync-work", message)
            await wait_until(10)

    in_loop(test)
    keys = [str(place and place.key) for place in places]
    expected = [(n, key) for n, key in enumerate(keys)]
    twice = [entry for entry in expected if entry[1] != "None"]
    assert sorted(heard) == sorted(expected + twice)


@for_workers
def test_a_message_that_fails_or_has_lost_its_tenant_stops_no_other(
    tenants, layer, caplog
):
    a, _ = tenants
    gone = provision("x")
    ref = gone.ref
    drop(gone)

    async def test():
        channels = get_channel_layer()
        async with background("work"):
            for place, number in ((ref, "lost"), (a, "fail"), (a, "last")):
                with override_tenant(place):
                    await channels.send("work", {"type": "work", "number": number})
            await wait_until(2)

    in_loop(test)
    assert heard == [("fail", a.key), ("last", a.key)]
    assert "There is no tenant" in caplog.text


def test_without_our_layer_a_message_crosses(tenants, layer):
    a, b = tenants

    async def test():
        async with socket(a) as a1, socket(b) as b1:
            await a1.say({"say": "hello of a"})
            assert await said_to(a1, b1) == [
                [["hello of a", a.key]],
                [["hello of a", b.key]],
            ]

    with override_settings(CHANNEL_LAYERS={"default": layer}):
        in_loop(test)


def test_without_names_of_its_own_a_group_crosses_and_its_messages_are_dropped(
    tenants, layer
):
    a, b = tenants

    async def test():
        async with socket(a) as a1, socket(b) as b1:
            await a1.say({"say": "hello of a"})
            assert await said_to(a1, b1) == [[["hello of a", a.key]], []]

    with replaced(TenantChannelLayer, "group_name", lambda _self, group: group):
        in_loop(test)


# Of sockets alone, the layer is of no matter.

in_memory = pytest.mark.parametrize("layer", [MEMORY], indirect=True)


@in_memory
def test_a_sync_consumer_has_the_tenants_user_and_urls(tenants, layer):
    from django.conf import settings
    from django.contrib.auth.models import User
    from django.contrib.sessions.backends.db import SessionStore
    from django.test import Client

    keys = {}
    for tenant in tenants:
        with override_tenant(tenant):
            client = Client()
            client.force_login(User.objects.get(pk=PK))
            keys[tenant.key] = client.session.session_key
            assert SessionStore(client.session.session_key).load()

    async def test():
        for tenant in tenants:
            for of in tenants:
                cookie = f"{settings.SESSION_COOKIE_NAME}={keys[of.key]}"
                headers = [(b"cookie", cookie.encode())]
                async with socket(tenant, "/sync/", headers=headers) as each:
                    await each.say({})
                    answer = await each.hear()
                user = f"user of {tenant.key}" if of is tenant else ""
                assert answer[:2] == [tenant.key, user]

    in_loop(test)


@in_memory
def test_the_shared_site_has_no_tenant_and_an_unknown_host_is_closed(tenants, layer):
    async def test():
        async with socket(None, "/whoami/") as each:
            assert await each.hear() == [None, None]
        async with socket(tenants[0], "/whoami/") as each:
            assert await each.hear() == [tenants[0].key] * 2
        async with socket(None, host="nobody.example.net") as each:
            assert (each.accepted, each.code) == (False, 4404)

    in_loop(test)


@in_memory
def test_a_suspended_tenants_sockets_are_closed(tenants, layer):
    from tests.customers.models import Tenant

    tenant = provision("x")
    row = Tenant.objects.get(key=tenant.key)

    async def suspend():
        row.state = "suspended"
        await sync_to_async(row.save)()

    async def test():
        async with socket(tenant) as each:
            await suspend()
            await each.say({"say": "still here"})
            closed = await each.receive_output(SECONDS)
            assert closed == {"type": "websocket.close", "code": 4503}
        async with socket(tenant) as each:
            assert (each.accepted, each.code) == (False, 4503)

    try:
        in_loop(test)
    finally:
        drop(tenant)


@in_memory
def test_a_path_prefix_is_stripped_and_put_into_urls(tenants, layer):
    from django.conf import settings

    a, _ = tenants
    resolver = {
        "BACKEND": "tenantry.routing.PathResolver",
        "OPTIONS": {"PREFIX": "/t/"},
    }
    cookie = b"sessionid=of-the-tenant; sessionid=of-the-shared-site"

    async def test():
        at = f"/t/{a.key}/sync/"
        headers = [(b"cookie", cookie)]
        with mock.patch("channels.sessions.import_module") as module:
            store = module.return_value.SessionStore
            store.side_effect = lambda key: seen.append(key) or Empty()
            async with socket(a, at, host="example.com", headers=headers) as each:
                await each.say({})
                answer = await each.hear()
        assert answer[::2] == [a.key, f"/t/{a.key}{reverse('whoami')}"]

    class Empty(dict):
        modified = False

        def is_empty(self):
            return True

    seen = []
    with override_settings(TENANTRY={**settings.TENANTRY, "RESOLVERS": [resolver]}):
        in_loop(test)
    assert seen == ["of-the-tenant"]


def test_sockets_are_routed_by_the_kind_of_their_tenant():
    def app(name):
        async def serve(scope, receive, send):
            await receive()
            await send({"type": "websocket.accept", "subprotocol": name})

        return serve

    router = KindRouter({"shop": app("shop")}, shared=app("shared"))

    async def ask(tenant):
        return await Socket(router, "/", tenant=tenant).connect()

    async def test():
        return [
            await ask(None),
            await ask(mock.Mock(kind="shop")),
            await ask(mock.Mock(kind="default")),
        ]

    assert asyncio.run(test()) == [(True, "shared"), (True, "shop"), (False, 4404)]


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        (b"https://acme.example.com", True),
        (b"https://ACME.example.com:8000", True),
        (b"https://other.example.com", False),
        (b"https://acme.example.com.evil.com", False),
        (b"null", False),
        (b"https://[", False),
        (None, False),
    ],
)
def test_a_page_of_another_host_opens_no_socket(origin, allowed):
    async def inner(scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})

    headers = [(b"host", b"acme.example.com")]
    if origin is not None:
        headers.append((b"origin", origin))

    async def test():
        each = Socket(SameOriginValidator(inner), "/", headers=headers)
        return await each.connect()

    assert asyncio.run(test()) == ((True, None) if allowed else (False, 4403))


@pytest.mark.parametrize(
    ("session", "expected"),
    [({IN_SESSION: 1}, (False, 4403)), ({}, (True, None))],
)
def test_sockets_are_closed_to_who_acts_as_another(session, expected):
    async def inner(_scope, receive, send):
        await receive()
        await send({"type": "websocket.accept"})

    async def with_session(scope, receive, send):
        await NotImpersonated(inner)({**scope, "session": session}, receive, send)

    async def test():
        return await Socket(with_session, "/").connect()

    assert asyncio.run(test()) == expected


def test_names_of_groups_are_told_apart_and_never_too_long():
    from tenantry.types import TenantRef

    layer = TenantChannelLayer(BACKEND=MEMORY)
    names = set()
    keys = [None, "a", "a-b", "x" * 40]
    for key in keys:
        with override_tenant(key and TenantRef(key=key, location=key)):
            for group in ("room", "b.room", "a.room", "r" * 98, "r" * 97):
                names.add(layer.group_name(group))
            with pytest.raises(TypeError):
                layer.group_name("no good")
    assert len(names) == 5 * len(keys)
    assert all(layer.require_valid_group_name(name) for name in names)
