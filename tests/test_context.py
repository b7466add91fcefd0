"""The active tenant: who has it, who has not, and that it is always restored."""

import asyncio
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from tenantry import (
    activate,
    bind_tenant,
    deactivate,
    get_tenant,
    override_tenant,
    require_tenant,
)
from tenantry.context import ACTIVE, TENANT_OF_ERROR, Hooks, as_ref
from tenantry.exceptions import NoActiveTenant, TenantNotFound
from tenantry.types import TenantRef
from tests.world import replaced

A = TenantRef(key="a", location="a")
B = TenantRef(key="b", location="b")


@pytest.fixture(autouse=True)
def _restored():
    assert get_tenant() is None
    yield
    assert get_tenant() is None


@pytest.fixture(autouse=True)
def _without_database(monkeypatch):
    """No tenant here lives anywhere: nothing asks whether it has a transaction."""
    monkeypatch.setattr(Hooks, "before_activation", None)


class Stop(Exception):
    """Ends a block."""


def test_none_is_active_at_first():
    assert get_tenant() is None
    with pytest.raises(NoActiveTenant):
        require_tenant()


def test_a_block_has_its_tenant_and_none_is_shared():
    with override_tenant(A) as given:
        assert given is get_tenant() is require_tenant() is A
        with override_tenant(B):
            assert get_tenant() is B
            with override_tenant(None) as nobody:
                assert nobody is get_tenant() is None
            assert get_tenant() is B
        assert get_tenant() is A


@pytest.mark.parametrize("error", [Stop, KeyboardInterrupt, SystemExit, GeneratorExit])
def test_an_error_restores_the_tenant(error):
    with override_tenant(A):
        with pytest.raises(error), override_tenant(B):
            raise error
        assert get_tenant() is A


def test_one_instance_may_be_entered_again_and_again():
    block = override_tenant(A)
    with block, override_tenant(B), block:
        assert get_tenant() is A
        with block:
            assert get_tenant() is A
    with block:
        assert get_tenant() is A


def test_one_instance_may_be_entered_by_many_threads_at_once():
    block = override_tenant(A)
    together = threading.Barrier(2)
    seen = []

    def work(outer):
        with override_tenant(outer):
            together.wait()
            with block:
                together.wait()
                seen.append(get_tenant())
            together.wait()
            seen.append(get_tenant() is outer)

    threads = [threading.Thread(target=work, args=(each,)) for each in (A, B)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seen, key=str) == [True, True, A, A]


def test_blocks_may_be_left_out_of_order():
    first, second = override_tenant(A), override_tenant(B)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert get_tenant() is B
    second.__exit__(None, None, None)
    assert get_tenant() is None


def test_a_block_left_where_it_was_not_entered_is_an_error():
    with pytest.raises(RuntimeError, match="not entered"):
        override_tenant(A).__exit__(None, None, None)
    block = override_tenant(A)
    contextvars.copy_context().run(block.__enter__)
    with pytest.raises(RuntimeError):
        block.__exit__(None, None, None)


def test_what_is_no_tenant_is_refused_and_changes_nothing():
    with override_tenant(A):
        for wrong in (1, object(), b"a", ("a",)):
            with pytest.raises(TypeError), override_tenant(wrong):
                pass
            assert get_tenant() is A


def test_a_tenant_may_be_named_by_its_key(monkeypatch):
    def find(key):
        if key != "a":
            raise TenantNotFound(key)
        return A

    monkeypatch.setattr(Hooks, "find_by_key", find)
    with override_tenant("a"):
        assert get_tenant() is A
    with pytest.raises(TenantNotFound), override_tenant("nobody"):
        pass

    async def work():
        async with override_tenant("a") as given:
            return given

    assert asyncio.run(work()) is A
    monkeypatch.setattr(Hooks, "find_by_key", None)
    with pytest.raises(TypeError, match="ready"):
        as_ref("a")


def test_a_row_stands_for_its_tenant():
    class Row:
        ref = A

    with override_tenant(Row()):
        assert get_tenant() is A


def test_it_is_activated_until_it_is_deactivated():
    activate(A)
    try:
        assert get_tenant() is A
        activate(B)
        assert get_tenant() is B
        with override_tenant(A):
            assert get_tenant() is A
        assert get_tenant() is B
    finally:
        deactivate()


def test_an_activation_in_a_block_ends_with_the_block():
    with override_tenant(A):
        activate(B)
        assert get_tenant() is B
    assert get_tenant() is None


# Decorators.


def test_a_function_runs_with_its_tenant():
    @override_tenant(A)
    def work(x, *, y):
        """Say what it does."""
        return get_tenant(), x, y

    assert work(1, y=2) == (A, 1, 2)
    assert work.__name__ == "work"
    assert work.__doc__ == "Say what it does."


def test_a_function_that_fails_leaves_no_tenant():
    @override_tenant(A)
    def work():
        raise Stop

    with pytest.raises(Stop):
        work()


def test_a_function_may_call_itself():
    @override_tenant(A)
    def work(depth):
        if depth:
            with override_tenant(B):
                assert work(depth - 1) is A
                assert get_tenant() is B
        return get_tenant()

    assert work(3) is A


def test_a_coroutine_function_runs_with_its_tenant():
    @override_tenant(A)
    async def work():
        before = get_tenant()
        await asyncio.sleep(0)
        return before, get_tenant()

    async def whole():
        with override_tenant(B):
            found = await work()
            return found, get_tenant()

    assert asyncio.run(whole()) == ((A, A), B)


def test_a_generator_has_its_tenant_while_it_runs_and_only_then():
    closed = []

    @override_tenant(A)
    def work():
        try:
            got = yield get_tenant()
            yield got, get_tenant()
        except Stop:
            yield "stopped", get_tenant()
        finally:
            closed.append(get_tenant())

    with override_tenant(B):
        generator = work()
        assert next(generator) is A
        assert get_tenant() is B
        assert generator.send(1) == (1, A)
        assert generator.throw(Stop()) == ("stopped", A)
        assert get_tenant() is B
    assert list(generator) == []
    assert closed == [A]
    generator = work()
    next(generator)
    generator.close()
    assert closed == [A, A]


def test_an_asynchronous_generator_has_its_tenant_while_it_runs_and_only_then():
    closed = []

    @override_tenant(A)
    async def work():
        try:
            for _ in range(2):
                await asyncio.sleep(0)
                yield get_tenant()
        finally:
            closed.append(get_tenant())

    async def whole():
        with override_tenant(B):
            generator = work()
            seen = [(each, get_tenant()) async for each in generator]
            early = work()
            await anext(early)
            await early.aclose()
            return seen

    assert asyncio.run(whole()) == [(A, B), (A, B)]
    assert closed == [A, A]


def test_a_generator_closed_early_restores_the_tenant():
    def work():
        with override_tenant(A):
            yield get_tenant()
            yield get_tenant()

    generator = work()
    assert next(generator) is A
    generator.close()
    assert get_tenant() is None


def test_generators_closed_out_of_order_restore_the_tenant():
    def work(tenant):
        with override_tenant(tenant):
            yield get_tenant()

    first, second = work(A), work(B)
    assert next(first) is A
    assert next(second) is B
    first.close()
    assert get_tenant() is B
    second.close()
    assert get_tenant() is None


def test_a_generator_left_behind_restores_the_tenant_at_the_blocks_end():
    def work():
        with override_tenant(B):
            yield

    with override_tenant(A):
        generator = work()
        next(generator)
        assert get_tenant() is B
        generator.close()
        assert get_tenant() is A


# Threads and tasks.


def in_thread(function):
    """Return what the function returns in a thread of its own."""
    with ThreadPoolExecutor(1) as executor:
        return executor.submit(function).result()


def test_a_thread_has_no_tenant_unless_it_is_bound():
    with override_tenant(A):
        assert in_thread(get_tenant) is None
        assert in_thread(bind_tenant(get_tenant)) is A
        bound = bind_tenant(get_tenant)
    assert in_thread(bound) is A
    with override_tenant(B):
        assert bound() is A
        assert get_tenant() is B


def test_what_is_bound_to_none_runs_with_none():
    bound = bind_tenant(get_tenant)
    with override_tenant(A):
        assert bound() is None


def test_a_bound_coroutine_function_and_generator_keep_their_tenant():
    async def work():
        await asyncio.sleep(0)
        return get_tenant()

    def steps():
        yield get_tenant()

    with override_tenant(A):
        bound, bound_steps = bind_tenant(work), bind_tenant(steps)
    with override_tenant(B):
        assert asyncio.run(bound()) is A
        assert list(bound_steps()) == [A]


def test_tasks_inherit_the_tenant_and_do_not_share_it():
    async def work(own):
        inherited = get_tenant()
        with override_tenant(own):
            await asyncio.sleep(0)
            return inherited, get_tenant()

    async def whole():
        with override_tenant(A):
            found = await asyncio.gather(work(A), work(B), work(None))
            return found, get_tenant()

    assert asyncio.run(whole()) == ([(A, A), (A, B), (A, None)], A)


@pytest.mark.parametrize("thread_sensitive", [True, False])
def test_sync_code_in_a_thread_of_async_code_has_the_tenant(thread_sensitive):
    async def whole():
        async with override_tenant(A):
            call = sync_to_async(get_tenant, thread_sensitive=thread_sensitive)
            return await call()

    assert asyncio.run(whole()) is A


def test_async_code_called_from_sync_code_has_the_tenant():
    async def work():
        await asyncio.sleep(0)
        with override_tenant(B):
            await asyncio.sleep(0)
        return get_tenant()

    with override_tenant(A):
        assert async_to_sync(work)() is A
        assert get_tenant() is A


def test_an_error_in_async_code_restores_the_tenant():
    async def fail():
        async with override_tenant(B):
            await asyncio.sleep(0)
            raise Stop

    async def whole():
        async with override_tenant(A):
            with pytest.raises(Stop):
                await fail()
            return get_tenant()

    assert asyncio.run(whole()) is A


def test_a_cancelled_task_restores_the_tenant():
    async def work(entered, seen):
        try:
            async with override_tenant(A):
                entered.set()
                await asyncio.Event().wait()
        finally:
            seen.append(get_tenant())

    async def whole():
        entered, seen = asyncio.Event(), []
        task = asyncio.create_task(work(entered, seen))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return seen

    assert asyncio.run(whole()) == [None]


def test_control_without_its_restoring_the_tenant_stays():
    """The premise of this file: a variable that is only set is not restored."""

    def leave(*_):
        return None

    def look():
        with replaced(override_tenant, "__exit__", leave), override_tenant(A):
            pass
        return ACTIVE.get()

    assert contextvars.copy_context().run(look) is A


def test_an_error_keeps_the_tenant_that_was_active_as_it_was_raised():
    @override_tenant(A)
    @override_tenant(B)
    def fail():
        raise ValueError("inner")

    with pytest.raises(ValueError, match="inner") as caught:
        fail()
    assert getattr(caught.value, TENANT_OF_ERROR) is B
