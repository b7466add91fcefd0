"""A session of one tenant is refused in another, by each engine, however it is stored.

Nothing else helps: caches do not know the tenant, the folder is one, all sign with one
key, and users of the same id have the same password, so the session's hash fits too.
"""

import asyncio
import copy
import os
import time
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from importlib import import_module

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import SessionBase
from django.contrib.sessions.backends.signed_cookies import (
    SessionStore as CookieStore,
)
from django.test import Client, override_settings
from django.utils import timezone

from tenantry import get_tenant, override_tenant
from tenantry.scopes import signing
from tenantry.scopes.sessions import MARKED
from tests.scopes import dict_sessions, sandwich
from tests.scopes.sandwich import Leaked
from tests.world import ONE, new_key, replaced, without_seam

DJANGOS = "django.contrib.sessions.backends"
ENGINES = {
    "db, a table for all": f"{DJANGOS}.db",
    "db, tables of tenants": f"{DJANGOS}.db",
    "cached_db, a table for all": f"{DJANGOS}.cached_db",
    "cached_db, tables of tenants": f"{DJANGOS}.cached_db",
    "cache": f"{DJANGOS}.cache",
    "file": f"{DJANGOS}.file",
    "signed_cookies": f"{DJANGOS}.signed_cookies",
    "one of the project's own": "tests.scopes.dict_sessions",
}
IN_COOKIES = "the tenant, signed with the data"
BY = "a mark of the tenant in the session's key"
EACH = {
    name: pytest.param(
        name,
        marks=pytest.mark.service(
            "Sessions", name, by=IN_COOKIES if name == "signed_cookies" else BY
        ),
    )
    for name in ENGINES
}
STORED = [name for name in ENGINES if name != "signed_cookies"]
# Where nothing but the scope keeps tenants apart.
SHARED = [name for name in ENGINES if "tables of tenants" not in name]
each = pytest.mark.parametrize("engine", EACH.values(), indirect=True)
each_stored = pytest.mark.parametrize("engine", STORED, indirect=True)
each_shared = pytest.mark.parametrize("engine", SHARED, indirect=True)


@pytest.fixture
def engine(request, tmp_path, monkeypatch):
    """The class of an engine's sessions; one store for all, but for tenants' tables."""
    name = request.param
    changed = {
        "SESSION_ENGINE": ENGINES[name],
        "SESSION_FILE_PATH": str(tmp_path),
        "CACHES": {
            "default": {
                "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
                "LOCATION": new_key(),
            }
        },
    }
    if "a table for all" in name:
        changed["TENANTRY"] = copy.deepcopy(settings.TENANTRY)
        changed["TENANTRY"]["TENANT_APPS"].remove("sessions")
    monkeypatch.setattr(dict_sessions, "STORED", {})
    with override_settings(**changed), signed_alike():
        store = import_module(ENGINES[name]).SessionStore
        if name == "file":
            monkeypatch.setattr(store, "_storage_path", str(tmp_path), raising=False)
        yield store


@pytest.fixture
def twins(world):
    """Two tenants and the shared site, with the same user of the same password."""
    with override_tenant(world.a):
        password = User.objects.get(pk=ONE).password
    with override_tenant(world.b):
        User.objects.filter(pk=ONE).update(password=password)
    User.objects.filter(pk=ONE).delete()
    User.objects.create(pk=ONE, username="same", password=password)
    yield world
    User.objects.filter(pk=ONE).delete()


def signed_alike():
    """Let all tenants sign with the project's key, as without the scope of signing."""
    return replaced(signing, "ACTIVE", ContextVar("nowhere", default=None))


@contextmanager
def without_the_scope():
    """Take the scope away, and that of signing, which refuses some of it as well."""
    with (
        without_seam(SessionBase, "_validate_session_key"),
        without_seam(CookieStore, "load"),
        without_seam(CookieStore, "_get_session_key"),
        signed_alike(),
    ):
        yield


def begin(store, **data):
    """Return the cookie of a new session with that data."""
    session = store()
    session.update(data)
    session.save()
    return session.session_key


def browsers(store):
    """Return `write` and `read` for the sandwich: each place is shown all cookies."""
    cookies = {}

    def write(value):
        session = store(cookies.get(get_tenant()))
        session["v"] = value
        session.save()
        cookies[get_tenant()] = session.session_key

    def read():
        found = {store(cookie).get("v") for cookie in list(cookies.values())}
        found.discard(None)
        return found.pop() if len(found) == 1 else sorted(found)

    return write, read


# --- The sandwich


@each
def test_each_place_reads_its_own_of_all_the_cookies(engine, world):
    sandwich.check(*browsers(engine), world.a, world.b)


@each_shared
def test_control_without_the_scope_it_reads_the_others(engine, world):
    with without_the_scope(), pytest.raises(Leaked):
        sandwich.check(*browsers(engine), world.a, world.b)


# --- Requests


def ask(tenant, path, client):
    host = "example.com" if tenant is None else f"{tenant.key}.example.org"
    return client.get(path, headers={"host": host}).content.decode()


def with_cookie(value):
    client = Client()
    client.cookies[settings.SESSION_COOKIE_NAME] = value
    return client


@each
def test_a_stolen_cookie_of_the_same_user_opens_no_other_tenant(engine, twins):
    cookies = {}
    for place in (twins.a, twins.b):
        client = Client()
        assert ask(place, "/login/", client) == "same"
        cookies[place.key] = client.cookies["sessionid"].value
    for place in (twins.a, twins.b):
        for owner, cookie in cookies.items():
            expected = "same" if owner == place.key else "nobody"
            assert ask(place, "/whoami/", with_cookie(cookie)) == expected
    # Whoever logs in with another's cookie gets one of their own; the other's stays.
    thief = with_cookie(cookies[twins.a.key])
    assert ask(twins.b, "/login/", thief) == "same"
    assert thief.cookies["sessionid"].value != cookies[twins.a.key]
    assert ask(twins.b, "/whoami/", thief) == "same"
    assert ask(twins.a, "/whoami/", thief) == "nobody"
    assert ask(twins.a, "/whoami/", with_cookie(cookies[twins.a.key])) == "same"


@each_shared
def test_control_without_the_scope_a_stolen_cookie_opens_all(engine, twins):
    with without_the_scope():
        client = Client()
        ask(twins.a, "/login/", client)
        assert ask(twins.b, "/whoami/", client) == "same"


# --- What is done with a session that is another's


ACTS = {
    "save": lambda s: (s.update({"v": "thief"}), s.save()),
    "save, unread": lambda s: (s.clear(), s.save()),
    "flush": lambda s: s.flush(),
    "delete": lambda s: s.delete(),
    "cycle_key": lambda s: s.cycle_key(),
    "create": lambda s: s.create(),
    "set_expiry": lambda s: (s.set_expiry(-1), s.save()),
    "clear_expired": lambda s: s.clear_expired(),
}
ASYNC_ACTS = {
    "asave": lambda s: (s.aupdate({"v": "thief"}), s.asave()),
    "aflush": lambda s: (s.aflush(),),
    "adelete": lambda s: (s.adelete(),),
    "acycle_key": lambda s: (s.acycle_key(),),
    "acreate": lambda s: (s.acreate(),),
    "aclear_expired": lambda s: (s.aclear_expired(),),
}


@each
def test_nothing_done_with_anothers_cookie_touches_the_others_session(engine, world):
    for place, thief in ((world.a, world.b), (world.a, None), (None, world.b)):
        with override_tenant(place):
            cookie = begin(engine, v="own")
        for name, act in ACTS.items():
            with override_tenant(thief):
                session = engine(cookie)
                act(session)
                assert session.get("v") in (None, "thief"), name
                if engine is CookieStore:
                    session.save()  # which alone gives it its key
                assert session.session_key != cookie, name
            with override_tenant(place):
                assert engine(cookie).get("v") == "own", name


@each
def test_the_asynchronous_acts_touch_it_no_more(engine, world):
    async def thieve(act):
        session = engine(cookie)
        for step in act(session):
            await step
        assert await session.aget("v") in (None, "thief")
        if engine is CookieStore:
            await session.asave()
        assert session.session_key != cookie
        assert not await engine(cookie).ahas_key("v")

    with override_tenant(world.a):
        cookie = begin(engine, v="own")
    for name, act in ASYNC_ACTS.items():
        with override_tenant(world.b):
            asyncio.run(thieve(act))
        with override_tenant(world.a):
            assert engine(cookie).get("v") == "own", name
            found = asyncio.run(engine(cookie).aget("v"))
            assert found == "own", name


@each_stored
def test_a_session_keeps_its_data_under_a_new_key(engine, world):
    with override_tenant(world.a):
        session = engine(begin(engine, v="own"))
        before = session.session_key
        session.cycle_key()
        session.save()
        assert session.session_key != before
        assert engine(session.session_key).get("v") == "own"
        assert engine(before).get("v") is None
        asyncio.run(session.acycle_key())
        asyncio.run(session.asave())
        assert engine(session.session_key).get("v") == "own"


@each_stored
def test_keys_name_their_tenant_and_fit_djangos_column(engine, world):
    from django.contrib.sessions.models import Session

    keys = []
    for place in (None, world.a, world.b):
        with override_tenant(place):
            first, second = begin(engine, v=1), begin(engine, v=1)
        assert first[-17:] == second[-17:]
        assert first[:23] != second[:23]
        keys.append(first)
    assert len({key[-16:] for key in keys}) == 3
    for key in keys:
        assert MARKED.fullmatch(key)
        assert len(key) <= Session._meta.pk.max_length


# --- Expired sessions


def test_expired_files_are_removed_by_the_tenant_they_are_of(world, tmp_path):
    with pytest.MonkeyPatch.context() as patch:
        from django.contrib.sessions.backends.file import SessionStore

        patch.setattr(SessionStore, "_storage_path", str(tmp_path), raising=False)
        old = time.time() - settings.SESSION_COOKIE_AGE - 1
        for place in (None, world.a, world.b):
            with override_tenant(place):
                for expired in (True, False):
                    name = settings.SESSION_COOKIE_NAME + begin(SessionStore, v=1)
                    if expired:
                        os.utime(tmp_path / name, (old, old))
        for place, left in ((world.a, 5), (None, 4), (world.b, 3), (world.b, 3)):
            with override_tenant(place):
                SessionStore.clear_expired()
            assert len(list(tmp_path.iterdir())) == left


# --- Sessions from before


@pytest.mark.parametrize(
    ("engine", "goes_on"),
    [(name, name == "db, tables of tenants") for name in ENGINES],
    indirect=["engine"],
)
def test_a_session_from_before_goes_on_only_where_it_can_be_no_others(
    engine, goes_on, twins
):
    with (
        without_seam(SessionBase, "_validate_session_key"),
        without_seam(SessionBase, "_get_new_session_key"),
        without_seam(SessionBase, "_aget_new_session_key"),
        without_seam(CookieStore, "_get_session_key"),
    ):
        client = Client()
        ask(twins.a, "/login/", client)
    cookie = client.cookies["sessionid"].value
    assert not MARKED.fullmatch(cookie)
    said = ask(twins.a, "/whoami/", with_cookie(cookie))
    assert said == ("same" if goes_on else "nobody")
    assert ask(twins.b, "/whoami/", with_cookie(cookie)) == "nobody"


def test_a_copy_of_a_tenants_table_does_not_let_its_sessions_in(twins):
    from django.contrib.sessions.models import Session

    with signed_alike():
        client = Client()
        ask(twins.a, "/login/", client)
        cookie = client.cookies["sessionid"].value
        with override_tenant(twins.a):
            row = Session.objects.get(pk=cookie)
            facts = {"session_data": row.session_data, "expire_date": row.expire_date}
        with override_tenant(twins.b):
            Session.objects.create(session_key=cookie, **facts)
        assert ask(twins.b, "/whoami/", with_cookie(cookie)) == "nobody"
        with without_seam(SessionBase, "_validate_session_key"):
            assert ask(twins.b, "/whoami/", with_cookie(cookie)) == "same"


# --- Sessions that are made before the tenant is found


@pytest.mark.parametrize("engine", SHARED, indirect=True)
def test_a_session_stays_of_the_place_it_was_made_in(engine, world):
    session = engine()
    with override_tenant(world.a):
        session["v"] = "the user's choice"
        session.cycle_key()
    session.save()  # by the middleware, which is outside as well
    assert engine(session.session_key).get("v") == "the user's choice"
    with override_tenant(world.a):
        assert engine(session.session_key).get("v") is None


def test_what_django_calls_no_key_is_none(world):
    from django.contrib.sessions.backends.db import SessionStore

    for key in (None, "", "short", "x" * 500, "é" * 40):
        with override_tenant(world.a):
            assert SessionStore(key).get("v") is None


def test_a_session_that_has_expired_is_no_more(world):
    from django.contrib.sessions.backends.db import SessionStore
    from django.contrib.sessions.models import Session

    with override_tenant(world.a):
        cookie = begin(SessionStore, v="own")
        past = timezone.now() - timedelta(1)
        Session.objects.filter(pk=cookie).update(expire_date=past)
        assert SessionStore(cookie).get("v") is None
        SessionStore.clear_expired()
        assert not Session.objects.filter(pk=cookie).exists()
