"""The recipes of docs/how-to/background-tasks.md, word for word, with each library."""

import secrets
import sys
from unittest import mock

import pytest
from django.db import connections

from tenantry import get_tenant, override_tenant
from tenantry.exceptions import TenantNotFound
from tenantry.scopes.tasks import active_key
from tests import servers
from tests.docs.pages import DOCS, blocks
from tests.world import drop, provision, two_tenants

PAGE = DOCS / "how-to" / "background-tasks.md"
BY = "the tenant's key, with the message"
SEEN = []


def recipe(name):
    """Return what the page's block that defines the name defines."""
    (block,) = [b for b in blocks(PAGE) if b.is_python and f"{name}(" in b.text]
    namespace = {"__name__": __name__}
    exec(compile(block.text, str(block), "exec"), namespace)  # noqa: S102
    return namespace


def closing(middleware):
    """Return a middleware of Dramatiq's that closes the connections of its threads."""

    class Closing(middleware):
        def before_worker_thread_shutdown(self, _broker, _thread):
            connections.close_all()

    return Closing


FILES = [
    block
    for page in (PAGE, DOCS / "how-to" / "channels.md")
    for block in blocks(page)
    if block.is_python and block.file
]


@pytest.mark.parametrize("block", FILES, ids=str)
def test_the_files_of_these_pages_can_be_imported(block, monkeypatch):
    if "django.tasks" in block.text:
        pytest.importorskip("django.tasks")
    from tests.shop import models

    stub = {"websocket_urlpatterns": [], "workers": {}}
    for name, module in (("shop.models", models), ("shop.routing", mock.Mock(**stub))):
        monkeypatch.setitem(sys.modules, name, module)
    namespace = {"__name__": __name__}
    exec(compile(block.text, str(block), "exec"), namespace)  # noqa: S102
    assert {"application", "app", "count_books"} & namespace.keys()


def look(*args):
    """Say which tenant is active, when the work is done."""
    SEEN.append((active_key(), *args))
    return active_key()


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_seen():
    SEEN.clear()
    yield
    assert get_tenant() is None


@pytest.fixture
def gone(tenants):
    """Return a tenant and what drops it."""
    made = provision("x")
    yield made, lambda: drop(made)
    drop(made)


def in_places(tenants, send):
    """Send once in each place, and return what should be seen."""
    a, b = tenants
    for place in (a, None, b, a):
        with override_tenant(place):
            send()
    return [a.key, None, b.key, a.key]


@pytest.mark.service("Dramatiq", "its stub broker", by=BY)
@pytest.mark.filterwarnings("ignore::DeprecationWarning:dramatiq")
def test_dramatiq(tenants, gone):
    import dramatiq
    from dramatiq.brokers.stub import StubBroker

    broker = StubBroker()
    ours = recipe("TenantMessages")["TenantMessages"]()
    broker.add_middleware(ours, before=type(broker.middleware[0]))
    broker.add_middleware(closing(dramatiq.Middleware)())
    actor = dramatiq.actor(look, broker=broker, max_retries=0)

    tries = []

    def fail():
        tries.append(active_key())
        if len(tries) == 1:
            raise ValueError

    again = dramatiq.actor(fail, broker=broker, max_retries=1, min_backoff=1)
    worker = dramatiq.Worker(broker, worker_timeout=50, worker_threads=1)
    worker.start()
    try:
        expected = in_places(tenants, actor.send)
        broker.join(actor.queue_name, timeout=20_000)
        assert [key for key, *_ in SEEN] == expected
        with override_tenant(tenants[0]):
            again.send()
            messages = [actor.message(1), actor.message()]
            pipe = dramatiq.pipeline(messages, broker=broker)
        with override_tenant(tenants[1]):
            pipe.run()
        broker.join(actor.queue_name, timeout=20_000)
        assert tries == [tenants[0].key] * 2
        assert SEEN[len(expected) :] == [
            (tenants[1].key, 1),
            (tenants[1].key, tenants[1].key),
        ]
        lost, drop_it = gone
        drop_it()
        with override_tenant(lost):
            actor.send("never")
        broker.join(actor.queue_name, timeout=20_000, fail_fast=False)
        assert not [each for each in SEEN if "never" in each]
        assert len(broker.dead_letters) == 1
        assert not ours.blocks
    finally:
        worker.stop()
        broker.close()


@pytest.mark.redis
@pytest.mark.service("RQ", "Redis", by=BY)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_rq(tenants, gone):
    import redis
    from rq import Queue, SimpleWorker

    job_class = recipe("TenantJob")["TenantJob"]
    with redis.from_url(f"{servers.redis()}/0") as connection:
        name = f"tenantry-{secrets.token_hex(4)}"
        queue = Queue(name, connection=connection, job_class=job_class)
        jobs = []
        expected = in_places(
            tenants, lambda: jobs.append(queue.enqueue(look, result_ttl=60))
        )
        lost, drop_it = gone
        with override_tenant(lost):
            jobs.append(queue.enqueue(look, failure_ttl=60))
        drop_it()
        worker = SimpleWorker(
            [queue], connection=connection, job_class=job_class, name=name
        )
        try:
            worker.work(burst=True, logging_level="CRITICAL")
            assert [key for key, *_ in SEEN] == expected
            assert [job.return_value() for job in jobs[:-1]] == expected
            assert TenantNotFound.__name__ in jobs[-1].latest_result().exc_string
        finally:
            for job in jobs:
                job.delete()
            queue.delete(delete_jobs=True)
            connection.delete(worker.key)


@pytest.mark.service("Huey", "in memory", by=BY)
def test_huey(tenants, gone):
    from huey import MemoryHuey
    from huey.exceptions import TaskException

    defined = recipe("in_tenant")
    huey = MemoryHuey("tests")
    base = defined["TenantTask"]
    task = huey.task(task_base=base)(defined["in_tenant"](look))
    results = []
    expected = in_places(tenants, lambda: results.append(task()))
    lost, drop_it = gone
    with override_tenant(lost):
        of_lost = task("never")
    drop_it()
    with override_tenant(tenants[1]):
        after = task.s().then(task)
        huey.enqueue(after)
    while len(huey):
        huey.execute(huey.dequeue())
    assert [result.get() for result in results] == expected
    assert SEEN[4:] == [(tenants[1].key,), (tenants[1].key, tenants[1].key)]
    with pytest.raises(TaskException, match="TenantNotFound"):
        of_lost.get()


@pytest.mark.service("Procrastinate", "its connector in memory", by=BY)
def test_procrastinate(tenants, gone):
    import procrastinate
    from procrastinate.testing import InMemoryConnector

    in_tenant = recipe("in_tenant")["in_tenant"]
    app = procrastinate.App(connector=InMemoryConnector())
    task = app.task(name="look")(closed(in_tenant(look_at_days)))
    with app.open():
        expected = in_places(tenants, lambda: task.defer(days=1, tenant=active_key()))
        task.defer(days=2)  # its tenant is forgotten
        lost, drop_it = gone
        with override_tenant(lost):
            task.defer(days=3, tenant=active_key())
        drop_it()
        app.run_worker(wait=False, install_signal_handlers=False, listen_notify=False)
        assert [(key, 1) for key in expected] == SEEN
        jobs = app.connector.jobs.values()
        assert [job["status"] for job in jobs][4:] == ["failed", "failed"]


def closed(function):
    """Return the function, so that it closes the connections of its thread."""

    def run(**kwargs):
        try:
            return function(**kwargs)
        finally:
            connections.close_all()

    return run


def look_at_days(days):
    """Take named arguments, as Procrastinate's tasks do."""
    return look(days)
