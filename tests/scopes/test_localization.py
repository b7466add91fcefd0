"""A tenant's time zone and language are in force for its requests and blocks."""

import asyncio
import threading

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone, translation

from tenantry import override_tenant
from tenantry.exceptions import TenantNotFound
from tenantry.scopes.localization import localized
from tenantry.scopes.tasks import atask_of, task_of
from tests.clients import AnyHost
from tests.customers.models import Tenant
from tests.scopes.localized import told
from tests.scopes.sandwich import Leaked, check
from tests.scopes.test_settings import declaring
from tests.world import run, without_seam

NAMES = ["TIME_ZONE", "LANGUAGE_CODE"]
LOCALE = "django.middleware.locale.LocaleMiddleware"
PROJECT = "UTC|en-us|Monday"
OF_A = "Europe/Paris|fr|lundi"
OF_B = "Asia/Tokyo|de|Montag"
BY = "`localized()`, in the middleware and in tasks"


@pytest.fixture(autouse=True)
def _declared(pair):
    a, b = pair
    with (
        declaring(SETTINGS=NAMES, SHARED_URLCONF="tests.scopes.localized"),
        override_settings(
            ROOT_URLCONF="tests.scopes.localized",
            ALLOWED_HOSTS=["*"],
            TIME_ZONE="UTC",
            LANGUAGE_CODE="en-us",
        ),
    ):
        a.set_settings(TIME_ZONE="Europe/Paris", LANGUAGE_CODE="fr")
        b.set_settings(TIME_ZONE="Asia/Tokyo", LANGUAGE_CODE="de")
        yield
        for tenant in pair:
            names = Tenant.objects.get(pk=tenant.pk).settings
            tenant.set_settings(**dict.fromkeys(names))


def host(tenant):
    return tenant.domains.get(is_primary=True).host


def ask(tenant, path="/plain/", **headers):
    response = Client(headers={"host": host(tenant), **headers}).get(path)
    parts = response.streaming_content if response.streaming else [response.content]
    return b"".join(parts).decode()


@pytest.mark.service("Time zone and language", "requests", by=BY)
@pytest.mark.parametrize("path", ["/plain/", "/async/", "/stream/"])
def test_a_request_is_answered_in_the_tenants(pair, path):
    times = 2 if "stream" in path else 1
    for tenant, expected in zip(pair * 2, [OF_A, OF_B] * 2, strict=True):
        found = ask(tenant, path).rstrip(";").split(";")
        assert found == [expected] * times
        assert told() == PROJECT


@pytest.mark.service("Time zone and language", "async requests", by=BY)
@pytest.mark.parametrize("path", ["/plain/", "/async/", "/astream/"])
def test_many_requests_at_once_are_answered_each_in_its_tenants(pair, path):
    hosts = [host(tenant) for tenant in pair]

    async def one(name):
        response = await AnyHost().get(path, headers={"host": name})
        if not response.streaming:
            return response.content.decode()
        return "".join([part.decode() async for part in response.streaming_content])

    async def all_of_them():
        found = await asyncio.gather(*(one(name) for name in hosts * 5))
        return found, told()

    found, after = run(all_of_them())
    assert [each.split(";")[0] for each in found] == [OF_A, OF_B] * 5
    assert after == PROJECT


def test_what_a_tenant_has_not_is_the_projects(pair):
    a, b = pair
    a.set_settings(TIME_ZONE=None)
    b.set_settings(TIME_ZONE=None, LANGUAGE_CODE=None)
    assert ask(a) == "UTC|fr|lundi"
    assert ask(b) == PROJECT


def test_the_settings_themselves_stay_the_projects(pair):
    with override_tenant(pair[0]):
        assert (settings.TIME_ZONE, settings.LANGUAGE_CODE) == ("UTC", "en-us")
        assert timezone.get_default_timezone_name() == "UTC"


def test_undeclared_they_are_not_in_force(pair):
    with declaring(SETTINGS=[]):
        assert ask(pair[0]) == PROJECT


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, "fr"),
        ({"accept-language": "*"}, "fr"),
        ({"accept-language": "xx"}, "fr"),
        ({"accept-language": "xx, *;q=0.5"}, "fr"),
        ({"accept-language": "de"}, "de"),
        ({"accept-language": "xx, es;q=0.1"}, "es"),
        ({"accept-language": "de", "cookie": "django_language=it"}, "it"),
    ],
)
def test_the_users_choice_of_a_language_goes_before_the_tenants(
    pair, headers, expected
):
    with override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, LOCALE]):
        assert ask(pair[0], **headers).split("|")[1] == expected
        assert translation.get_language() == "en-us"
        # In the project's language where the tenant has none.
        pair[1].set_settings(LANGUAGE_CODE=None)
        chosen = expected if expected != "fr" else "en"
        assert ask(pair[1], **headers).split("|")[1] == chosen


def test_without_its_seam_the_projects_would_go_before_the_tenants(pair):
    with (
        override_settings(MIDDLEWARE=[*settings.MIDDLEWARE, LOCALE]),
        without_seam(translation, "get_language_from_request"),
    ):
        assert ask(pair[0]).split("|")[1] == "en"


def test_a_block_restores_what_was_in_force(pair):
    a, b = pair
    with timezone.override("America/Lima"), translation.override("es"):
        with localized(a), localized(b.key), localized(a.key):
            pass
        with pytest.raises(TenantNotFound), localized("nobody"):
            pass
        with localized(a.ref):
            assert told() == OF_A
            with override_tenant(b), localized():
                assert told() == OF_B
            assert told() == OF_A
        assert told() == "America/Lima|es|lunes"
        with pytest.raises(ZeroDivisionError), localized(a.ref):
            _ = 1 / 0
        with localized():
            assert told() == "America/Lima|es|lunes"
    assert told() == PROJECT
    block = localized(a.ref)
    assert told() == PROJECT
    with block:
        assert told() == OF_A


class Zones:
    """A zone of its own for each value: what the sandwich writes and reads."""

    def __init__(self):
        self.free = [f"Etc/GMT{n:+}" for n in (*range(-14, 0), *range(1, 13))]
        self.of = {}
        self.lock = threading.Lock()

    def write(self, value):
        with self.lock:
            zone = self.of.setdefault(value, self.free[0])
            self.free = [each for each in self.free if each != zone]
        tenant = Tenant.objects.get_active()
        if tenant is None:
            settings.TIME_ZONE = zone
            timezone.get_default_timezone.cache_clear()
        else:
            tenant.set_settings(TIME_ZONE=zone)

    def read(self):
        with localized():
            return self.seen()

    def seen(self):
        zone = timezone.get_current_timezone().key
        found = [value for value, each in list(self.of.items()) if each == zone]
        return found[0] if found else None


@pytest.mark.service("Time zone and language", "blocks", by=BY)
def test_the_sandwich(pair):
    zones = Zones()
    check(zones.write, zones.read, *pair)


def test_the_sandwich_without_the_scope(pair):
    zones = Zones()
    with pytest.raises(Leaked):
        check(zones.write, zones.seen, *pair)


@pytest.mark.service("Time zone and language", "background tasks", by=BY)
def test_a_task_is_done_in_its_tenants(pair):
    a, b = pair

    async def task(key):
        async with atask_of(key):
            return told()

    with override_tenant(b), localized():
        for key, expected in ((a.key, OF_A), (b.key, OF_B)):
            with task_of(key):
                assert told() == expected
    for key, expected in ((a.key, OF_A), (b.key, OF_B), (None, PROJECT)):
        assert run(task(key)) == expected
    assert told() == PROJECT
