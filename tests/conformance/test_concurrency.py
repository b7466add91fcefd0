"""Two tenants at once: in threads, in tasks, in pools."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.contenttypes.models import ContentType
from django.db import connections, transaction

from tenantry import bind_tenant, get_tenant, override_tenant
from tenantry.context import ACTIVE
from tenantry.exceptions import NoActiveTenant
from tests.shop.models import Author, Book
from tests.world import ONE, in_threads, replaced, run

ROUNDS = 20


def first():
    """Return the name of the first author of the active tenant."""
    return Author.objects.get(pk=ONE).name


async def afirst():
    """Return the same, asynchronously."""
    return (await Author.objects.aget(pk=ONE)).name


def test_two_threads_on_two_tenants_see_their_own(world):
    together = threading.Barrier(2)

    def work(tenant):
        seen = set()
        with override_tenant(tenant):
            for _ in range(ROUNDS):
                together.wait()
                seen.add(first())
                seen.add(Book.objects.select_related("author").get(pk=ONE).author.name)
                seen.add(ContentType.objects.get_for_model(Author)._state.db)
        return seen

    of_a, of_b = in_threads(lambda: work(world.a), lambda: work(world.b))
    assert of_a == {"Ann of a", f"tenant:{world.a.key}"}
    assert of_b == {"Ann of b", f"tenant:{world.b.key}"}


def test_control_with_one_tenant_for_all_threads_they_see_each_others(world):
    """The premise: threads do interleave, and a process-wide tenant would mix them."""
    together = threading.Barrier(2)

    class Global:
        value = None

        def get(self):
            return self.value

        def set(self, value):
            self.value = value

    from tenantry import connections as floor
    from tenantry import guards
    from tenantry.seams import migrations, objects, places, querysets

    everywhere = Global()

    def work(tenant):
        seen = set()
        for _ in range(ROUNDS):
            everywhere.set(tenant.ref)
            together.wait()
            seen.add(first())
            together.wait()
        return seen

    seams = [places, querysets, objects, migrations]
    modules = [floor, guards, *(each for each in seams if hasattr(each, "ACTIVE"))]
    if connections["default"].__class__.__module__.startswith("tenantry"):
        from tenantry.backends.postgresql import base

        modules.append(base)
    real = [module.ACTIVE for module in modules]
    for module in modules:
        module.ACTIVE = everywhere
    try:
        of_a, of_b = in_threads(lambda: work(world.a), lambda: work(world.b))
    finally:
        for module, value in zip(modules, real, strict=True):
            module.ACTIVE = value
    assert of_a != {"Ann of a"} or of_b != {"Ann of b"}


def test_two_threads_write_in_transactions_of_two_tenants(world):
    together = threading.Barrier(2)

    def work(tenant):
        with override_tenant(tenant), transaction.atomic():
            together.wait()
            Author.objects.filter(pk=ONE).update(name=f"by {tenant.key}")
            seen = first()
            together.wait()
        return seen

    found = in_threads(lambda: work(world.a), lambda: work(world.b))
    assert found == [f"by {world.a.key}", f"by {world.b.key}"]
    for tenant in (world.a, world.b):
        with override_tenant(tenant):
            assert first() == f"by {tenant.key}"


def test_a_thread_has_no_tenant_unless_it_is_bound(world):
    with override_tenant(world.a):
        with pytest.raises(NoActiveTenant):
            in_threads(first)
        assert in_threads(bind_tenant(first)) == ["Ann of a"]
        bound = bind_tenant(first)
    with override_tenant(world.b):
        assert in_threads(bound) == ["Ann of a"]
        assert bound() == "Ann of a"
        assert first() == "Ann of b"


def test_an_executor_serves_two_tenants_in_turn(world):
    with ThreadPoolExecutor(1) as executor:
        futures = []
        for tenant in (world.a, world.b, world.a):
            with override_tenant(tenant):
                futures.append(executor.submit(bind_tenant(first)))
        unbound = executor.submit(get_tenant)
        assert [f.result() for f in futures] == ["Ann of a", "Ann of b", "Ann of a"]
        assert unbound.result() is None
        executor.submit(connections.close_all).result()


def test_gathered_tasks_of_two_tenants_see_their_own(world):
    async def work(tenant):
        seen = set()
        async with override_tenant(tenant):
            for _ in range(5):
                await asyncio.sleep(0)
                seen.add(await afirst())
                seen |= {a.name async for a in Author.objects.filter(pk=ONE)}
                author = await Author.objects.aget(pk=ONE)
                seen |= {b.title async for b in author.books.filter(pk=ONE)}
                await author.asave()
        return seen

    async def both():
        return await asyncio.gather(*(work(t) for t in (world.a, world.b) * 3))

    found = run(both())
    assert found == [{f"Ann of {name}", f"book of {name}"} for name in ("a", "b") * 3]


def test_control_tasks_without_a_context_of_their_own_are_mixed_up(world):
    """Entered in one task that switches between awaits, the last one wins."""

    async def both():
        met = asyncio.Event()

        async def work(tenant):
            ACTIVE.set(tenant.ref)
            if tenant is world.b:
                met.set()
            await met.wait()
            return get_tenant()

        import contextvars

        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        return await asyncio.gather(
            *(
                loop.create_task(work(tenant), context=context)
                for tenant in (world.a, world.b)
            )
        )

    assert run(both()) == [world.b.ref, world.b.ref]


def test_a_task_inherits_the_tenant_it_was_created_in(world):
    async def both():
        with override_tenant(world.a):
            task = asyncio.create_task(afirst())
        with override_tenant(world.b):
            own = await afirst()
            return await task, own

    assert run(both()) == ("Ann of a", "Ann of b")


@pytest.mark.parametrize("thread_sensitive", [True, False])
def test_sync_code_called_from_async_keeps_the_tenant(world, thread_sensitive):
    def work():
        try:
            return first()
        finally:
            if not thread_sensitive:
                connections.close_all()

    async def both():
        call = sync_to_async(work, thread_sensitive=thread_sensitive)
        seen = []
        for tenant in (world.a, world.b):
            async with override_tenant(tenant):
                seen.append(await call())
        return seen

    assert run(both()) == ["Ann of a", "Ann of b"]


def test_async_code_called_from_sync_keeps_the_tenant(world):
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant):
            assert async_to_sync(afirst)() == f"Ann of {name}"


def test_a_tenant_set_in_sync_code_called_from_async_does_not_stay(world):
    def inner():
        with override_tenant(world.b):
            return first()

    async def both():
        async with override_tenant(world.a):
            seen = await sync_to_async(inner)()
            return seen, await afirst(), get_tenant()

    assert run(both()) == ("Ann of b", "Ann of a", world.a.ref)


def test_a_captured_iterator_stays_with_its_tenant(world):
    with override_tenant(world.a):
        rows = Author.objects.order_by("pk").iterator(chunk_size=1)
        assert next(rows).name == "Ann of a"
    with override_tenant(world.b):
        assert first() == "Ann of b"
        second = next(rows)
    assert second.name == "Bob of a"
    assert second._state.db == f"tenant:{world.a.key}"
    rows.close()


def test_many_threads_make_the_first_use_of_a_tenant_at_once(world):
    from tenantry.isolation import isolations

    together = threading.Barrier(4)

    def work(tenant):
        together.wait()
        with override_tenant(tenant):
            return first()

    with replaced(isolations, "_made", {}):
        found = in_threads(
            *(lambda t=t: work(t) for t in (world.a, world.b, world.a, world.b))
        )
    assert found == ["Ann of a", "Ann of b"] * 2
