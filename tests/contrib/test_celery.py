"""Celery: tasks run in the tenant they were sent in, whatever sends them on.

A worker in a thread of this process, over a queue in memory; a real one over RabbitMQ
is in test_celery_worker.py.
"""

import time
from contextlib import contextmanager
from datetime import timedelta
from unittest import mock

import pytest
from celery import Task, chain, group, signals
from celery.app import trace
from celery.beat import Scheduler
from celery.contrib.testing.worker import start_worker
from django.db import connections

from tenantry import get_tenant, override_tenant
from tenantry.contrib.celery import schedule_for_tenants, send_to_tenants
from tenantry.exceptions import NoActiveTenant, TenantNotFound, TenantUnavailable
from tests.contrib import celery_project
from tests.contrib.celery_project import PK
from tests.world import drop, provision, replaced, two_tenants

pytestmark = [
    pytest.mark.service("Celery", "in memory, threads", by="a header of the message"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:kombu"),
]
SECONDS = 20
SEEN = []


class OwnCall(Task):
    """A class of tasks as a project may have it: nothing of it asks Celery's own."""

    abstract = True

    def __call__(self, *args, **kwargs):
        return ["own", self.run(*args, **kwargs)]

    def before_start(self, task_id, args, kwargs):
        pass


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    from tests.shop.models import Author

    with django_db_blocker.unblock(), two_tenants() as made:
        for tenant in made:
            with override_tenant(tenant):
                Author.objects.create(pk=PK, name=tenant.key)
        yield made


def open_databases():
    """Return how many tenants' databases this thread has open."""
    opened = connections.all(initialized_only=True)
    return sum(
        each.connection is not None and each.alias != "default" for each in opened
    )


def add_tasks(app, _, other):
    """Give the app tasks of these tests: a worker knows those there at its start."""
    from tests.shop.models import Author

    @app.task(name="astray", bind=True)
    def astray(self):
        if self.request.retries == 0:
            with override_tenant(other):
                raise self.retry(countdown=0)
        return get_tenant().key

    @app.task(name="never", autoretry_for=(Exception,), default_retry_delay=0)
    def never():
        SEEN.append("run")

    @app.task(name="opened")
    def opened():
        before = open_databases()
        Author.objects.get(pk=PK)
        return [before, open_databases()]

    @app.task(name="errback")
    def errback(*_args):
        SEEN.append(str(get_tenant()))

    @app.task(name="nightly")
    def nightly(greeting):
        SEEN.append((greeting, get_tenant().key))


@pytest.fixture(autouse=True)
def _nothing_seen():
    SEEN.clear()


@pytest.fixture(scope="module")
def app(tenants):
    made = celery_project.make("memory", broker="memory://", backend="cache+memory://")
    who = made.tasks["who"].run
    made.task(who, name="own", base=OwnCall)
    add_tasks(made, *tenants)
    # Whoever receives this sets up logging; Celery would, for the whole process.
    signals.setup_logging.connect(leave_logging_alone)
    try:
        with start_worker(
            made, pool="threads", concurrency=1, perform_ping_check=False
        ):
            yield made
    finally:
        signals.setup_logging.disconnect(leave_logging_alone)


def leave_logging_alone(**_):
    """Receive `setup_logging`."""


def answer(result):
    return result.get(timeout=SECONDS, interval=0.01, disable_sync_subtasks=False)


def test_a_task_runs_in_the_tenant_it_was_sent_in_and_in_none_without(app, tenants):
    a, b = tenants
    who = app.tasks["who"]
    seen = []
    for tenant in (a, b, None, b, a, None):
        with override_tenant(tenant):
            seen.append(answer(who.delay()))
    assert seen == [a.key, b.key, None, b.key, a.key, None]


def test_it_sees_the_rows_of_its_tenant(app, tenants):
    from tests.shop.models import Tag

    for tenant in tenants:
        with override_tenant(tenant):
            assert answer(app.tasks["record"].delay(tenant.key, "seen")) == tenant.key
    for tenant in tenants:
        with override_tenant(tenant):
            assert [tag.name for tag in Tag.objects.all()] == [f"{tenant.key} seen"]


def test_celery_closes_the_connections_of_each_tenant(app, tenants):
    """Its own rule for Django, which asks `connections.all()`, after each task."""
    for tenant in tenants:
        with override_tenant(tenant):
            assert answer(app.tasks["opened"].delay()) == [0, 1]


def test_a_task_sent_by_name_or_with_a_class_of_its_own_does_too(app, tenants):
    a, b = tenants
    with override_tenant(a):
        by_name = app.send_task("who")
    with override_tenant(b):
        of_its_own = app.tasks["own"].delay()
    assert answer(by_name) == a.key
    assert answer(of_its_own) == ["own", b.key]


def test_where_a_canvas_is_sent_counts_not_where_it_was_made(app, tenants):
    a, b = tenants
    who = app.tasks["who"]
    with override_tenant(a):
        links, parts = chain(who.s(), who.s()), group(who.s(), who.s())
    with override_tenant(b):
        links, parts = links.delay(), parts.delay()
    assert [answer(links.parent), answer(links)] == [b.key, b.key]
    assert answer(parts) == [b.key, b.key]


def test_what_takes_a_tasks_place_stays_in_its_tenant(app, tenants):
    a, _ = tenants
    with override_tenant(a):
        sent = app.tasks["replaced"].delay()
    assert answer(sent) == a.key


def test_a_retry_stays_in_its_tenant_even_from_within_another(app, tenants):
    a, _ = tenants
    with override_tenant(a):
        sent = app.tasks["astray"].delay()
    assert answer(sent) == a.key


def test_the_signals_of_a_worker_have_the_tenant_active(app, tenants):
    a, _ = tenants
    seen = []

    def hear(signal, **_):
        seen.append((signal.name, str(get_tenant())))

    heard = [signals.task_prerun, signals.task_success, signals.task_postrun]
    for signal in heard:
        signal.connect(hear)
    try:
        with override_tenant(a):
            answer(app.tasks["who"].delay())
        answer(app.tasks["who"].delay())  # once more: the first has ended by now
    finally:
        for signal in heard:
            signal.disconnect(hear)
    names = ["task_prerun", "task_success", "task_postrun"]
    assert seen[:3] == [(name, a.key) for name in names]
    assert {key for _, key in seen[3:]} == {"None"}


@contextmanager
def unreachable(*, gone):
    """Provision a tenant for a block, and yield what makes it unreachable."""
    from tests.customers.models import Tenant

    tenant = provision("x")

    def make():
        if gone:
            drop(tenant)
        else:
            row = Tenant.objects.get(key=tenant.key)
            row.state = "suspended"
            row.save()

    try:
        yield tenant, make
    finally:
        drop(tenant)


@pytest.mark.parametrize(
    ("gone", "expected"), [(True, TenantNotFound), (False, TenantUnavailable)]
)
def test_a_task_of_a_tenant_that_cannot_be_fails_and_does_not_run(app, gone, expected):
    never, errback = app.tasks["never"], app.tasks["errback"]
    with unreachable(gone=gone) as (tenant, make):
        make()
        with override_tenant(tenant):
            sent = never.apply_async(link_error=errback.si())
        with pytest.raises(expected, match=tenant.key):
            answer(sent)
        assert sent.state == "FAILURE"
    assert answer(app.tasks["who"].delay()) is None
    assert SEEN == ["None"]


@contextmanager
def eagerly(app):
    app.conf.task_always_eager = True
    try:
        yield
    finally:
        app.conf.task_always_eager = False


def test_eager_tasks_run_in_the_tenant_that_is_active(app, tenants):
    a, b = tenants
    who = app.tasks["who"]
    with override_tenant(a), eagerly(app):
        assert who.delay().get() == a.key
        assert chain(who.s(), who.s()).delay().get() == a.key
        with override_tenant(b):
            assert who.apply().get() == b.key
            assert who() == b.key
        assert get_tenant() == a.ref


def active():
    """Return how many active tenants there are: other tests' are there as well."""
    from tests.customers.models import Tenant

    return Tenant.objects.active().count()


def test_one_task_for_each_active_tenant_is_spread_over_the_time_given(app, tenants):
    sent = []
    keys = sorted(tenant.key for tenant in tenants)
    with unreachable(gone=False) as (_, make):
        make()

        def apply_async(_signature, **options):
            sent.append((get_tenant().key, options["countdown"], options.get("queue")))

        with mock.patch("celery.canvas.Signature.apply_async", apply_async):
            options = {"queue": "slow"}
            count = send_to_tenants(app, "who", over=3600, options=options)
            send_to_tenants(app, "who", over=3600, options=options)
            send_to_tenants(app, "who", only=[keys[0]])
    assert count == active()
    first, second = sent[:count], sent[count : 2 * count]
    assert first == second  # the same moments again
    assert [key for key, *_ in first if key in keys] == keys
    waits = [wait for key, wait, _ in first if key in keys]
    assert waits[0] != waits[1]
    assert all(0 <= wait < 3600 for wait in waits)
    assert sent[2 * count :] == [(keys[0], None, None)]
    assert sent[0][2] == "slow"


def test_beat_sends_one_task_that_becomes_one_in_each_tenant(app, tenants):
    app.conf.beat_schedule = {
        "nightly": schedule_for_tenants(
            "nightly", timedelta(days=1), over=timedelta(seconds=1), args=["sleep"]
        )
    }
    beat = Scheduler(app=app)
    sent = beat.apply_async(beat.schedule["nightly"], advance=False)
    assert answer(sent) == active()
    deadline = time.monotonic() + SECONDS
    while len(SEEN) < active() and time.monotonic() < deadline:
        time.sleep(0.05)
    seen = [key for _, key in sorted(SEEN)]
    assert [key for key in seen if key in {t.key for t in tenants}] == [
        tenant.key for tenant in tenants
    ]
    assert len(seen) == len(set(seen)) == active()


def test_without_the_header_a_task_has_no_tenant(app, tenants):
    a, _ = tenants
    with (
        override_tenant(a),
        mock.patch("tenantry.contrib.celery.active_key", return_value=None),
    ):
        assert answer(app.tasks["who"].delay()) is None
        with pytest.raises(NoActiveTenant):
            answer(app.tasks["record"].delay(a.key, "lost"))


def test_without_our_tracer_a_task_has_no_tenant(app, tenants):
    a, _ = tenants
    task = app.tasks["who"]
    plain = trace.build_tracer.__wrapped__(task.name, task, app=app)
    with replaced(task, "__trace__", plain), override_tenant(a):
        assert answer(task.delay()) is None
