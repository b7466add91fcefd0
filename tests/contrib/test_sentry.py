"""Each event that Sentry captures is tagged with the tenant that it happened in.

The SDK patches Django for good, so all of it happens in processes of a project.
"""

import asyncio
import logging
import threading

import pytest

from tests.projects import SQLITE, migrated

BY = "the integration asks which tenant is active as the event is captured"
MIDDLEWARE = [
    "tests.contrib.test_sentry.fail_outside",
    "tenantry.middleware.TenantMiddleware",
]
BAD_INT = "invalid literal for int() with base 10: 'in a task'"
log = logging.getLogger("tests.sentry")


def fail_outside(get_response):
    """Middleware around ours: it fails when the tenant has been left."""

    def middleware(request):
        response = get_response(request)
        if request.path == "/url/":
            raise ValueError("outside")
        return response

    return middleware


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with two tenants, acme and globex."""
    with migrated(SQLITE, tmp_path_factory.mktemp("sentry") / "p") as made:
        made.change(MIDDLEWARE=MIDDLEWARE)
        made.call(_provision)
        yield made


def _provision():
    from tests.world import provision

    provision(key="acme")
    provision(key="globex")


def _sdk(*integrations):
    """Start the real SDK, with a transport that keeps what it is given."""
    import sentry_sdk
    from sentry_sdk.integrations.django import DjangoIntegration
    from sentry_sdk.transport import Transport

    class Collects(Transport):
        events = []

        def capture_envelope(self, envelope):
            for item in envelope.items:
                if item.type in ("event", "transaction"):
                    self.events.append(item.payload.json)

    sentry_sdk.init(
        dsn="https://key@sentry.invalid/1",
        transport=Collects,
        integrations=[DjangoIntegration(), *integrations],
        auto_enabling_integrations=False,
        traces_sample_rate=1.0,
    )
    return Collects.events


def _ours():
    from tenantry.contrib.sentry import TenantIntegration

    return TenantIntegration()


def _told(events):
    """Return the type of each event, its message, and its tag."""
    found = []
    for event in events:
        exception = event.get("exception", {}).get("values", [{}])[-1]
        message = event.get("logentry", {}).get("message") or event.get("message")
        text = exception.get("value") or message or event.get("transaction")
        tags = event.get("tags") or {}
        found.append([event.get("type", "event"), text, tags.get("tenant")])
    return found


def _requests(*, ours=True, server="wsgi"):
    from django.test import RequestFactory

    events = _sdk(*([_ours()] if ours else []))
    for host in ("acme.example.org", "globex.example.org", "example.com"):
        if server == "asgi":
            asyncio.run(_ask_asgi(host))
        else:
            from django.core.wsgi import get_wsgi_application

            environ = RequestFactory().get("/url/", headers={"host": host}).environ
            get_wsgi_application()(environ, lambda *_: None).close()
        log.error("after")
    return _told(events)


async def _ask_asgi(host):
    from django.core.asgi import get_asgi_application
    from django.test import AsyncRequestFactory

    scope = AsyncRequestFactory().get("/url/").scope
    scope["headers"] = [(b"host", host.encode())]
    asked = asyncio.Queue()
    await asked.put({"type": "http.request", "body": b""})

    async def send(_message):
        pass

    await get_asgi_application()(scope, asked.get, send)


@pytest.mark.parametrize("server", ["wsgi", "asgi"])
@pytest.mark.service("Sentry", "errors and transactions of requests", by=BY)
def test_what_is_captured_after_the_tenant_was_left_is_tagged_by_the_request(
    project, server
):
    expected = []
    for key in ("acme", "globex", None):
        expected += [["event", "outside", key], ["transaction", "/url/", key]]
        # Nothing of a request stays for what comes after it.
        expected += [["event", "after", None]]
    assert sorted(project.call(_requests, server=server), key=str) == sorted(
        expected, key=str
    )


def test_control_without_the_integration_nothing_is_tagged(project):
    tags = {tag for _, _, tag in project.call(_requests, ours=False)}
    assert tags == {None}


def _sandwich(*, ours=True):
    from tenantry import get_tenant
    from tests.customers.models import Tenant
    from tests.scopes import sandwich

    events = _sdk(*([_ours()] if ours else []))
    tenants = Tenant.objects.order_by("key")

    def read():
        key = get_tenant() and get_tenant().key
        found = [text for _, text, tag in _told(events) if tag == key]
        return found[-1] if found else None

    try:
        sandwich.check(log.error, read, *tenants)
    except sandwich.Leaked:
        return "leaked"
    return "kept"


@pytest.mark.service("Sentry", "`logging`, threads, asyncio", by=BY)
def test_each_event_is_tagged_with_its_tenant(project):
    assert project.call(_sandwich) == "kept"


def test_control_without_the_integration_events_are_not(project):
    assert project.call(_sandwich, ours=False) == "leaked"


def _errors():
    """Errors that nobody catches: in a thread, in a task, of another tenant."""
    import sentry_sdk

    from tenantry import bind_tenant, override_tenant

    events = _sdk(_ours())

    def fail():
        raise ValueError("in a thread")

    def another():
        with override_tenant("globex"):
            sentry_sdk.capture_message("of another")

    async def task():
        try:
            int("in a task")
        except ValueError:
            sentry_sdk.capture_exception()

    threading.excepthook = lambda _: None
    with override_tenant("acme"):
        for work in (bind_tenant(fail), another):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        asyncio.run(task())
    return _told(events)


@pytest.mark.service("Sentry", "errors that nobody catches", by=BY)
def test_errors_of_threads_and_tasks_are_tagged(project):
    assert project.call(_errors) == [
        ["event", "in a thread", "acme"],
        ["event", "of another", "globex"],
        ["event", BAD_INT, "acme"],
    ]
