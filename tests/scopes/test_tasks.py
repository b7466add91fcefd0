"""Django's background tasks run in the tenant they were enqueued in, by any backend.

Django's own are `django.tasks`; on Django 5.2, those of the package django-tasks.
"""

import asyncio
from contextlib import contextmanager
from importlib import import_module

import pytest
from django.db import transaction
from django.test import override_settings
from django.utils import timezone
from django.utils.translation import get_language

from tenantry import get_tenant, override_tenant
from tenantry.exceptions import NoActiveTenant, WrongTenant
from tenantry.scopes.tasks import CARRIED, atask_of, task_of
from tests.scopes import queue, sandwich
from tests.scopes.queue import package
from tests.scopes.test_settings import declaring
from tests.world import drop, provision, replaced, run, two_tenants, without_seam

NAME = package.__name__
BY = "the tenant's key, among the arguments that the queue stores"
PK = 1_000_001
MISSING = import_module(f"{NAME}.exceptions").TaskResultDoesNotExist
SIGNALS = import_module(f"{NAME}.signals")
SEEN = []


def backend(name, **options):
    return override_settings(TASKS={"default": {"BACKEND": name, **options}})


IMMEDIATE = f"{NAME}.backends.immediate.ImmediateBackend"
DUMMY = f"{NAME}.backends.dummy.DummyBackend"


def look(*args, **kwargs):
    """Say where it runs: a task."""
    tenant = get_tenant()
    SEEN.append((tenant and tenant.key, args, kwargs))
    return tenant and tenant.key


@package.task
def kept(*args):
    """Say where it runs; found by its name."""
    return look(*args)


async def alook():
    """Say where it runs: an asynchronous task."""
    return look()


def look_with(context, *, name):
    """Say where it runs, and what it knows of itself."""
    assert name == "x"
    assert context.task_result.kwargs[CARRIED] == look()
    return look()


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_seen():
    SEEN.clear()


@pytest.fixture
def immediate(tenants):
    with backend(IMMEDIATE):
        yield


@pytest.fixture
def stored(tenants):
    """Return the backend of a queue that a worker empties, of no tenant."""
    with override_settings(TASKS=queue.TASKS):
        yield package.task_backends["default"]


@pytest.mark.service("Background tasks", "immediate", by=BY)
def test_a_task_run_at_once_is_in_the_tenant(immediate, tenants):
    for tenant in tenants:
        with override_tenant(tenant):
            assert package.task(look).enqueue().return_value == tenant.key
            assert package.task(alook).enqueue().return_value == tenant.key
            with_context = package.task(look_with, takes_context=True)
            assert with_context.enqueue(name="x").return_value == tenant.key
    assert package.task(look).enqueue().return_value is None


@pytest.mark.service("Background tasks", "a queue of a project's own", by=BY)
def test_a_task_stored_runs_in_its_tenant_and_one_of_none_in_none(stored, tenants):
    a, b = tenants
    task = package.task(look)
    for place in (a, None, b, a, None):
        with override_tenant(place):
            task.enqueue(1, name="x")
    stored.run()
    keys = [a.key, None, b.key, a.key, None]
    assert [(key, (1,), {"name": "x"}) for key in keys] == SEEN


def test_a_worker_that_is_left_in_a_tenant_does_not_pass_it_on(stored, tenants):
    a, b = tenants
    for place in (None, b):
        with override_tenant(place):
            package.task(look).enqueue()
    with override_tenant(a):
        stored.run()
    assert [key for key, *_ in SEEN] == [None, b.key]


@pytest.mark.service("Background tasks", "dummy", by=BY)
def test_the_dummy_backend_keeps_the_tenant_with_the_task(tenants):
    a, _ = tenants
    with backend(DUMMY), override_tenant(a):
        kept.enqueue(1)
        (result,) = package.default_task_backend.results
    assert (result.args, result.kwargs) == ([1], {CARRIED: a.key})
    assert result.task.call(*result.args, **result.kwargs) == a.key


def test_a_task_enqueued_asynchronously_carries_its_tenant(stored, tenants):
    a, _ = tenants

    async def enqueue():
        async with override_tenant(a):
            await package.task(look).aenqueue()
            stored_task, kwargs = stored.stored[0][0], {CARRIED: a.key}
            return await stored_task.acall(**kwargs)

    assert run(enqueue()) == a.key
    stored.run()
    assert [key for key, *_ in SEEN] == [a.key, a.key]


def test_a_task_that_is_called_is_a_plain_function(immediate, tenants):
    a, _ = tenants
    task = package.task(look)
    with override_tenant(a):
        assert task.call() == a.key
        assert task.func() == a.key
        assert asyncio.run(task.acall()) == a.key


def test_a_task_enqueued_on_commit_runs_in_its_tenant(immediate, tenants):
    a, b = tenants
    with override_tenant(a), transaction.atomic():
        transaction.on_commit(package.task(look).enqueue)
        with override_tenant(b):
            assert not SEEN
    assert [key for key, *_ in SEEN] == [a.key]


@pytest.mark.parametrize(
    ("state", "expected"),
    [("gone", "There is no tenant"), ("suspended", "is suspended, not active")],
)
def test_a_task_of_a_tenant_that_cannot_be_fails_clearly(stored, state, expected):
    from tests.customers.models import Tenant

    tenant = provision("x")
    try:
        with override_tenant(tenant):
            package.task(look).enqueue()
        if state == "gone":
            drop(tenant)
        else:
            row = Tenant.objects.get(key=tenant.key)
            row.state = state
            row.save()
        with pytest.raises(Exception, match=expected) as raised:
            stored.run()
        assert raised.type.__name__.startswith("Tenant")

        async def arun():
            async with atask_of(tenant.key):
                SEEN.append("run")

        with pytest.raises(raised.type):
            run(arun())
    finally:
        drop(tenant)
    assert not SEEN


def test_the_signals_of_a_worker_have_the_tenant_active(immediate, tenants):
    a, _ = tenants
    heard = []

    def hear(**_):
        heard.append(str(get_tenant()))

    signals = [SIGNALS.task_started, SIGNALS.task_finished]
    for signal in signals:
        signal.connect(hear)
    try:
        with override_tenant(a):
            result = package.task(look).enqueue()
        assert heard == [a.key, a.key]
        for signal in signals:  # as a worker sends them
            signal.send(sender=None, task_result=result)
            asyncio.run(signal.asend(sender=None, task_result=result))
        result.kwargs[CARRIED] = "gone"
        signals[0].send_robust(sender=None, task_result=result)
    finally:
        for signal in signals:
            signal.disconnect(hear)
    assert heard == [*[a.key] * 6, "None"]


def test_a_result_is_read_in_its_tenant_and_on_the_shared_site_only(stored, tenants):
    a, b = tenants
    task = package.task(look)
    with override_tenant(a):
        of_a = task.enqueue()
        assert task.get_result(of_a.id).id == of_a.id
        of_a.refresh()
    of_none = task.enqueue()
    with override_tenant(b):
        for of_another in (of_a, of_none):
            for get in (task.get_result, package.default_task_backend.get_result):
                with pytest.raises(MISSING):
                    get(of_another.id)
            with pytest.raises(MISSING):
                asyncio.run(task.aget_result(of_another.id))
            with pytest.raises(MISSING):
                of_another.refresh()
    assert task.get_result(of_a.id).id == of_a.id
    assert asyncio.run(task.aget_result(of_none.id)).id == of_none.id


def test_a_task_enqueued_once_more_stays_in_its_tenant(stored, tenants):
    a, b = tenants
    task = package.task(look)
    with override_tenant(a):
        first = task.enqueue(1)
        task.enqueue(*first.args, **first.kwargs)
    task.enqueue(*first.args, **first.kwargs)  # an administrator, on the shared site
    with override_tenant(b), pytest.raises(WrongTenant, match=a.key):
        task.enqueue(*first.args, **first.kwargs)
    stored.run()
    assert [key for key, *_ in SEEN] == [a.key] * 3


def test_backends_that_tasks_have_made_early_know_their_tenant_too(tenants):
    """A task defined while Django loads has its backend made before the seam is."""
    from tenantry.seams import tasks

    a, _ = tenants
    with override_settings(TASKS=queue.TASKS):
        early = package.task_backends["default"]
        del early.enqueue, early.aenqueue, early.get_result, early.aget_result
        handler = type(package.task_backends)
        with replaced(handler, "create_connection", handler.create_connection):
            tasks._carry_tenant(package, MISSING)
        with override_tenant(a):
            package.task(look).enqueue()
        early.run()
    assert [key for key, *_ in SEEN] == [a.key]


@contextmanager
def notes():
    from tests.shop.models import Author

    def write(value):
        Author.objects.update_or_create(pk=PK, defaults={"name": value})

    def read_note():
        return Author.objects.filter(pk=PK).values_list("name", flat=True).first()

    yield write, read_note


def test_rows_written_by_tasks_are_the_tenants(tenants):
    with notes() as (write, read):
        for mode in sandwich.MODES.values():
            mode(write, read, list(tenants))


def test_without_the_seam_a_task_has_no_tenant(tenants):
    Task = import_module(f"{NAME}.base").Task  # noqa: N806
    handler = type(package.task_backends)
    places = list(tenants)
    with (
        notes() as (write, read),
        without_seam(Task, "call"),
        pytest.raises(TypeError, match=CARRIED),  # nothing takes it out again
    ):
        sandwich.background_tasks(write, read, places)
    with (
        notes() as (write, read),
        without_seam(handler, "create_connection"),
        pytest.raises(NoActiveTenant),
    ):
        sandwich.background_tasks(write, read, places)


@pytest.mark.service("Time zone and language", "background tasks", by="`localized()`")
def test_a_task_has_the_time_zone_and_language_of_its_tenant(stored):
    def note():
        SEEN.append((timezone.get_current_timezone_name(), get_language()))

    tenant = provision("z")
    try:
        with declaring(SETTINGS=["TIME_ZONE", "LANGUAGE_CODE"]):
            tenant.set_settings(TIME_ZONE="Europe/Paris", LANGUAGE_CODE="fr")
            queue.CALLS[:] = [(note, ())]
            task = package.task(queue.call)
            with override_tenant(tenant):
                task.enqueue(0)
            task.enqueue(0)
            stored.run()

            async def asynchronously():
                async with atask_of(tenant.key):
                    note()

            run(asynchronously())
    finally:
        drop(tenant)
    project = (timezone.get_current_timezone_name(), get_language())
    assert [("Europe/Paris", "fr"), project, ("Europe/Paris", "fr")] == SEEN


def test_task_of_is_for_workers_of_any_queue(tenants):
    a, b = tenants
    with override_tenant(b):
        with task_of(a.key) as tenant:
            assert tenant == get_tenant() == a.ref
        with task_of(None) as tenant:
            assert tenant is get_tenant() is None
        assert get_tenant() == b.ref
