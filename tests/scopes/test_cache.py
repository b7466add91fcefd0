"""A cache knows its tenant: keys, clearing, all of Django's interface, each backend."""

import asyncio
import threading
import warnings

import pytest
from asgiref.local import Local
from django.conf import settings
from django.core.cache import (
    CacheHandler,
    CacheKeyWarning,
    InvalidCacheKey,
    cache,
    caches,
)
from django.core.cache.backends.base import InvalidCacheBackendError
from django.core.management import call_command
from django.test import override_settings

from tenantry import override_tenant
from tenantry.scopes.cache import make_key
from tenantry.signals import tenant_dropped
from tenantry.types import TenantRef
from tests import servers
from tests.scopes import sandwich
from tests.scopes.sandwich import Leaked
from tests.world import in_threads, new_key

TENANT_CACHE = "tenantry.scopes.cache.TenantCache"
LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
BACKENDS = {
    "memory": (LOCMEM, lambda _: new_key()),
    "database": (
        "django.core.cache.backends.db.DatabaseCache",
        lambda _: "tenantry_cache_entries",
    ),
    "files": ("django.core.cache.backends.filebased.FileBasedCache", str),
    # A database of our own, in which nothing is ever flushed.
    "Redis": (
        "django.core.cache.backends.redis.RedisCache",
        lambda _: f"{servers.redis()}/13",
    ),
    "memcached": (
        "django.core.cache.backends.memcached.PyMemcacheCache",
        lambda _: servers.memcached(),
    ),
}
# Threads end with their connections open, as nothing here tells of a request's end.
OPEN = "ignore:Exception ignored in. <socket:pytest.PytestUnraisableExceptionWarning"
NEEDS = {
    "Redis": [pytest.mark.redis],
    "memcached": [pytest.mark.memcached, pytest.mark.filterwarnings(OPEN)],
}
BY = "each key names its tenant (`TenantCache` or `make_key`)"
EACH = [
    pytest.param(
        name, marks=[*NEEDS.get(name, []), pytest.mark.service("Cache", name, by=BY)]
    )
    for name in BACKENDS
]
A = TenantRef(key="acme", location="acme")
B = TenantRef(key="acme-1", location="acme-1")
PLACES = [None, A, B]


def around(backend, location, **more):
    options = {"BACKEND": backend, **more.pop("OPTIONS", {})}
    return {
        "BACKEND": TENANT_CACHE,
        "LOCATION": location,
        "TIMEOUT": 60,
        "OPTIONS": options,
        **more,
    }


@pytest.fixture
def entry(request, tmp_path, _database):
    """The settings of a backend, with keys that no other test has."""
    backend, locate = BACKENDS[request.param]
    if request.param == "database":
        owner = "owner" if "owner" in settings.DATABASES else "default"
        table = "tenantry_cache_entries"
        call_command("createcachetable", table, database=owner, verbosity=0)
    return {"BACKEND": backend, "LOCATION": locate(tmp_path), "KEY_PREFIX": new_key()}


@pytest.fixture
def wrapped(entry):
    """The default cache is a TenantCache around the backend."""
    settings = {**entry}
    made = around(settings.pop("BACKEND"), settings.pop("LOCATION"), **settings)
    with override_settings(CACHES={"default": made}):
        yield


@pytest.fixture
def memory():
    with override_settings(CACHES={"default": around(LOCMEM, new_key())}):
        yield


each = pytest.mark.parametrize("entry", EACH, indirect=True)


def write(value):
    cache.set("name", value)


def read():
    return cache.get("name")


# --- The sandwich


@each
def test_each_tenant_has_its_own_values(wrapped, world):
    sandwich.check(write, read, world.a, world.b)


@each
def test_each_tenant_has_its_own_values_by_the_key_function_alone(entry, world):
    settings = {**entry, "KEY_FUNCTION": "tenantry.scopes.cache.make_key"}
    with override_settings(CACHES={"default": settings}):
        sandwich.check(write, read, world.a, world.b)


@each
def test_control_the_backend_alone_mixes_them_up(entry, world):
    with override_settings(CACHES={"default": entry}), pytest.raises(Leaked):
        sandwich.check(write, read, world.a, world.b)


@pytest.mark.service("Cache", "none chosen", by="`make_key`, put in place by a seam")
def test_a_project_that_chose_no_cache_is_as_safe(world):
    assert not settings.is_overridden("CACHES")
    sandwich.check(write, read, world.a, world.b)


def test_a_cache_that_was_used_before_django_was_ready_is_as_safe(monkeypatch):
    from tenantry.seams.cache import a_cache_that_nobody_chose_knows_the_tenant
    from tests.world import replaced, without_seam

    with without_seam(CacheHandler, "create_connection"):
        monkeypatch.setattr(caches, "_connections", Local())
        early = caches["default"]
        assert early.key_func is not make_key
        own = vars(CacheHandler)["create_connection"]
        with replaced(CacheHandler, "create_connection", own):
            a_cache_that_nobody_chose_knows_the_tenant()
    assert caches["default"] is early
    assert early.key_func is make_key


@pytest.mark.service("Cache", "dummy", by="it keeps nothing")
def test_a_cache_that_keeps_nothing_can_be_wrapped():
    dummy = around("django.core.cache.backends.dummy.DummyCache", "")
    with override_settings(CACHES={"default": dummy}), override_tenant(A):
        cache.set("name", "value")
        assert cache.add("name", "value")
        assert cache.get("name") is None
        assert cache.get_many(["name"]) == {}
        cache.clear()


@pytest.mark.service("Cache", "alias `shared`", by="nothing: it is everybody's")
def test_a_plain_alias_stays_shared(memory):
    both = {
        "default": around(LOCMEM, new_key()),
        "shared": {"BACKEND": LOCMEM, "LOCATION": new_key()},
    }
    with override_settings(CACHES=both):
        with override_tenant(A):
            caches["shared"].set("flag", "on")
            cache.set("flag", "off")
            cache.clear()
        for place in PLACES:
            with override_tenant(place):
                assert caches["shared"].get("flag") == "on"


# --- Django's whole interface


@each
def test_all_of_the_interface_stays_within_the_tenant(wrapped):
    with override_tenant(B):
        cache.set_many({"n": 100, "x": "of b"})
    with override_tenant(A):
        assert cache.add("n", 1)
        assert not cache.add("n", 2)
        assert cache.incr("n", 5) == 6
        assert cache.decr("n", 2) == 4
        assert cache.set_many({"x": None, "y": [1]}) == []
        assert cache.get_many(["n", "x", "y", "z"]) == {"n": 4, "x": None, "y": [1]}
        assert cache.get_many(key for key in ["n"]) == {"n": 4}
        assert cache.get("x", "default") is None
        assert cache.get("z", "default") == "default"
        assert cache.get_or_set("z", lambda: "made") == "made"
        assert "z" in cache
        assert cache.has_key("y")
        assert cache.touch("y", 50)
        assert not cache.touch("nothing")
        assert cache.delete("y")
        assert not cache.delete("y")
        cache.delete_many(["x", "z"])
        assert cache.get_many(["x", "y", "z"]) == {}
        with pytest.raises(ValueError, match="not found"):
            cache.incr("x")
        cache.set("brief", "value", 0)
        assert cache.get("brief") is None
        cache.close()
    with override_tenant(B):
        assert cache.get_many(["n", "x", "y", "z"]) == {"n": 100, "x": "of b"}
    assert cache.get_many(["n", "x", "y", "z"]) == {}


@each
def test_versions_are_each_tenants_own(wrapped):
    for place in (A, B):
        with override_tenant(place):
            cache.set("v", place.key, version=2)
    with override_tenant(A):
        assert cache.get("v") is None
        assert cache.decr_version("v", version=2) == 1
        assert cache.get("v") == A.key
        assert cache.incr_version("v", 4) == 5
        assert cache.get_many(["v"], version=5) == {"v": A.key}
    with override_tenant(B):
        assert cache.get("v", version=2) == B.key
        assert cache.get("v", version=5) is None


@each
def test_the_asynchronous_interface_stays_within_the_tenant(wrapped):
    async def use(place, own):
        async with override_tenant(place):
            await cache.aset("name", own)
            assert await cache.aadd("once", own)
            await cache.aset_many({"x": own, "n": 1})
            await asyncio.sleep(0)
            assert await cache.aget("name") == own
            assert await cache.aget_many(["name", "x"]) == {"name": own, "x": own}
            assert await cache.aincr("n") == 2
            assert await cache.adecr("n") == 1
            assert await cache.ahas_key("x")
            assert await cache.aget_or_set("x", "other") == own
            assert await cache.atouch("x")
            assert await cache.aincr_version("x") == 2
            assert await cache.adelete("once")
            await cache.adelete_many(["x"])
            await cache.aclear()
            assert await cache.aget("name") is None
            await cache.aset("name", own)

    async def all_at_once():
        async with asyncio.TaskGroup() as group:
            for place in PLACES:
                group.create_task(use(place, str(place)))

    asyncio.run(all_at_once())
    for place in PLACES:
        with override_tenant(place):
            assert cache.get("name") == str(place)


def test_options_of_the_backend_are_passed_on():
    made = around(
        LOCMEM,
        new_key(),
        OPTIONS={"MAX_ENTRIES": 7, "CULL_FREQUENCY": 2},
        TIMEOUT=12,
        VERSION=3,
        KEY_PREFIX="p:q",
    )
    with override_settings(CACHES={"default": made}):
        backend = caches["default"].backend
        assert (backend._max_entries, backend._cull_frequency) == (7, 2)
        assert backend.default_timeout == 12
        with override_tenant(A):
            cache.set("k", 1)
        (stored,) = (key for key in backend._cache if key.endswith(":k"))
        assert stored.startswith("acme!")
        assert stored.endswith(":p:q:3:k")


def test_a_key_function_of_the_projects_own_is_kept_within_the_tenant():
    own = around(LOCMEM, new_key(), KEY_FUNCTION=lambda key, *_: key.upper())
    with override_settings(CACHES={"default": own}):
        for place in PLACES:
            with override_tenant(place):
                cache.set("k", str(place))
        for place in PLACES:
            with override_tenant(place):
                assert cache.get("K") == str(place)


def test_too_many_values_are_culled_and_nothing_crosses():
    small = around(LOCMEM, new_key(), OPTIONS={"MAX_ENTRIES": 20})
    with override_settings(CACHES={"default": small}):
        for number in range(100):
            for place in PLACES:
                with override_tenant(place):
                    cache.set(f"k{number}", (place, number))
                    found = cache.get_many([f"k{n}" for n in range(100)])
                    assert all(owner == place for owner, _ in found.values())
        assert len(caches["default"].backend._cache) <= 20


# --- Keys


def names(prefix, key):
    return {place: _made(place, prefix, key) for place in PLACES}


def _made(place, prefix, key):
    with override_tenant(place):
        return make_key(key, prefix, 1)


@pytest.mark.parametrize("prefix", ["", "p", "p:q", "acme", "acme!", "!"])
@pytest.mark.parametrize(
    "key", ["k", "", ":", "!", "acme!:1:k", "-1!p:1:k", "1:acme!x", "é☃"]
)
def test_no_tenants_key_is_another_tenants(prefix, key):
    keys = ["k", "", ":", "!", "acme!:1:k", "-1!p:1:k", "1:acme!x", "é☃"]
    mine = names(prefix, key)
    assert len(set(mine.values())) == len(PLACES)
    for place, made in mine.items():
        assert made.partition("!")[0] == ("" if place is None else place.key)
        for other in keys:
            others = names(prefix, other)
            assert made not in {v for p, v in others.items() if p is not place}


def test_what_a_user_names_cannot_reach_the_token_of_a_tenant(memory):
    with override_tenant(A):
        cache.set("k", "value")
        backend = caches["default"].backend
        token = backend.get("acme!!")
        assert token
        for key in ("acme!!", "!", "!!", f"acme!{token}:"):
            cache.set(key, "mine")
            cache.delete(key)
        assert backend.get("acme!!") == token
        assert cache.get("k") == "value"


@pytest.mark.memcached
def test_a_key_too_long_for_memcached_is_refused_as_by_django():
    made = around(BACKENDS["memcached"][0], servers.memcached(), KEY_PREFIX=new_key())
    longest = TenantRef(key="k" * 40, location="x")
    with override_settings(CACHES={"default": made}), override_tenant(longest):
        cache.set("k" * 170, "value")
        assert cache.get("k" * 170) == "value"
        for wrong in ("k" * 250, "with space"):
            with pytest.raises(InvalidCacheKey):
                cache.set(wrong, "value")
            with pytest.raises(InvalidCacheKey):
                cache.get(wrong)


def test_a_key_that_memcached_would_refuse_is_warned_of(memory):
    with warnings.catch_warnings(), override_tenant(A):
        warnings.simplefilter("error")
        cache.set("k" * 180, "value")
        with pytest.raises(CacheKeyWarning):
            cache.set("with space", "value")


# --- Clearing


@each
def test_clearing_one_tenant_leaves_the_others(wrapped):
    for cleared in PLACES:
        for place in PLACES:
            with override_tenant(place):
                cache.set_many({"k": str(place), "v": 1})
                cache.set("k", str(place), version=2)
        with override_tenant(cleared):
            cache.clear()
        for place in PLACES:
            expected = {} if place is cleared else {"k": str(place), "v": 1}
            with override_tenant(place):
                assert cache.get_many(["k", "v"]) == expected
                assert cache.get("k", version=2) == expected.get("k")


@each
def test_a_lost_token_brings_nothing_back(wrapped):
    with override_tenant(A):
        cache.set("k", "old")
        cache.clear()
        cache.set("k", "new")
        caches["default"].backend.delete(caches["default"]._name("acme!"))
        assert cache.get("k") is None
        cache.set("k", "newer")
        assert cache.get("k") == "newer"


@each
def test_another_process_sees_at_once_that_it_was_cleared(wrapped):
    """A thread has a cache object of its own, as a process has."""
    turns = threading.Barrier(2, timeout=30)
    in_threads(reader_of(turns), clearer_of(turns))


def reader_of(turns):
    def act():
        with override_tenant(A):
            cache.set("k", "value")
            assert cache.get("k") == "value"
            turns.wait()
            turns.wait()  # the other has cleared, and set "l"
            assert cache.get_many(["k", "l"]) == {"l": "theirs"}
            assert not cache.add("l", "mine")
            cache.set("m", "mine")
            turns.wait()

    return act


def clearer_of(turns):
    def act():
        turns.wait()
        with override_tenant(A):
            cache.clear()
            cache.set("l", "theirs")
            turns.wait()
            turns.wait()
            assert cache.get_many(["k", "l", "m"]) == {"l": "theirs", "m": "mine"}

    return act


@each
def test_those_who_draw_a_token_at_once_agree_on_one(wrapped):
    start = threading.Barrier(8, timeout=30)

    def act():
        start.wait()
        with override_tenant(A):
            caches["default"]._token("acme!")
            start.wait()  # files have no `add` of one step: the last one counts
            return caches["default"]._token("acme!")

    assert len(set(in_threads(*[act] * 8))) == 1


def test_clear_all_clears_every_tenant(memory):
    for place in PLACES:
        with override_tenant(place):
            cache.set("k", 1)
    with override_tenant(A):
        caches["default"].clear_all()
    for place in PLACES:
        with override_tenant(place):
            assert cache.get("k") is None


def test_values_of_a_dropped_tenant_are_found_no_more(memory):
    for place in PLACES:
        with override_tenant(place):
            cache.set("k", str(place))
    tenant_dropped.send(sender=None, key="acme")
    with override_tenant(A):
        assert cache.get("k") is None
    for place in (None, B):
        with override_tenant(place):
            assert cache.get("k") == str(place)


def test_a_cache_that_does_not_answer_does_not_stop_a_drop(caplog):
    broken = around("django.core.cache.backends.redis.RedisCache", "redis://[::1]:1")
    with override_settings(CACHES={"default": broken}):
        tenant_dropped.send(sender=None, key="acme")
    assert "keeps values of 'acme'" in caplog.text


# --- Round trips


class Counting:
    """Counts what a backend is asked."""

    def __init__(self, backend):
        self.backend = backend
        self.asked = 0

    def __getattr__(self, name):
        def ask(*args, **kwargs):
            self.asked += 1
            return getattr(self.backend, name)(*args, **kwargs)

        return ask


def test_reading_costs_no_further_round_trip_and_writing_one(memory):
    with override_tenant(A):
        cache.set("k", 1)
        counting = Counting(caches["default"].backend)
        caches["default"].backend = counting
        cost = {}
        for name, act in {
            "get": lambda: cache.get("k"),
            "get_many": lambda: cache.get_many(["k", "l", "m"]),
            "set": lambda: cache.set("k", 2),
            "incr": lambda: cache.incr("k"),
            "set_many": lambda: cache.set_many({"k": 1, "l": 2}),
        }.items():
            counting.asked = 0
            act()
            cost[name] = counting.asked
    assert cost == {"get": 1, "get_many": 1, "set": 2, "incr": 2, "set_many": 2}


# --- Made wrong


def test_a_tenant_cache_around_nothing_says_what_to_do():
    with (
        override_settings(CACHES={"default": {"BACKEND": TENANT_CACHE}}),
        pytest.raises(InvalidCacheBackendError, match="OPTIONS"),
    ):
        cache.get("k")


def test_a_backend_that_is_not_there_is_named():
    said = r"OPTIONS\['BACKEND'\] of TenantCache, 'nowhere.Cache', is not found"
    with (
        override_settings(CACHES={"default": around("nowhere.Cache", "")}),
        pytest.raises(InvalidCacheBackendError, match=said),
    ):
        cache.get("k")


def test_many_tenants_do_not_grow_the_memory_of_a_process(memory, monkeypatch):
    monkeypatch.setattr("tenantry.scopes.cache.MOST_KNOWN", 10)
    for number in range(25):
        ref = TenantRef(key=f"t{number}", location="x")
        with override_tenant(ref):
            cache.set("k", number)
            assert cache.get("k") == number
    assert len(caches["default"]._tokens) <= 10
