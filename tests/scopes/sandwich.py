"""The sandwich: write in shared, in A, in B; go back, and each has its own value.

What is written is `write(value)`; `read()` returns the value, or None where nothing is.
Both are called with the tenant active whose value it is, under the same names and
primary keys in each. A scope passes in this thread, over threads, over asyncio tasks,
and in background tasks; with the scope removed it must fail: `pytest.raises(Leaked)`.
"""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from asgiref.sync import sync_to_async

from tenantry import bind_tenant, override_tenant

ROUNDS = 5


class Leaked(AssertionError):
    """A place has another's value, or has lost its own."""


def check(write: Callable[[str], Any], read: Callable[[], Any], *tenants: Any) -> None:
    """Make the sandwich of the shared site and the tenants, in every mode."""
    places = [None, *tenants]
    for mode in MODES.values():
        mode(write, read, places)


def _value(place: Any, part: int) -> str:
    return f"{'shared' if place is None else place.ref.key} {part}"


def _require(read: Callable[[], Any], place: Any, expected: Any) -> None:
    found = read()
    if found != expected:
        where = "the shared site" if place is None else f"tenant {place.ref.key}"
        raise Leaked(f"{where} reads {found!r}, expected {expected!r}")


def here(write, read, places):
    """One after the other, then back again."""
    for place in places:
        with override_tenant(place):
            write(_value(place, 0))
    for place in [*reversed(places), *places]:
        with override_tenant(place):
            _require(read, place, _value(place, 0))
    # One changes: the others do not.
    for place in places:
        with override_tenant(place):
            write(_value(place, 1))
        for other in places:
            done = places.index(other) <= places.index(place)
            with override_tenant(other):
                _require(read, other, _value(other, int(done)))


def threads(write, read, places):
    """All at once, a thread each, in step: each wrote before any reads."""
    barrier = threading.Barrier(len(places), timeout=60)

    def act(place):
        for part in range(ROUNDS):
            barrier.wait()
            write(_value(place, part))
            barrier.wait()
            _require(read, place, _value(place, part))

    with ThreadPoolExecutor(len(places)) as executor:
        running = []
        for place in places:
            with override_tenant(place):
                running.append(
                    executor.submit(bind_tenant(_closing(act, barrier)), place)
                )
    errors = [each.exception() for each in running if each.exception()]
    for error in sorted(errors, key=lambda e: not isinstance(e, Leaked)):
        raise error


def _closing(act, barrier):
    def run(place):
        from django.db import connections

        try:
            act(place)
        except BaseException:
            barrier.abort()  # the others need not wait for this one
            raise
        finally:
            connections.close_all()

    return run


def tasks_of_asyncio(write, read, places):
    """All at once, an asyncio task each, in step."""

    async def act(place, barrier):
        async with override_tenant(place):
            for part in range(ROUNDS):
                await barrier.wait()
                await sync_to_async(write)(_value(place, part))
                await barrier.wait()
                await sync_to_async(_require)(read, place, _value(place, part))

    async def all_of_them():
        barrier = asyncio.Barrier(len(places))
        async with asyncio.TaskGroup() as group:
            for place in places:
                group.create_task(act(place, barrier))

    try:
        asyncio.run(all_of_them())
    except* Leaked as group:
        raise group.exceptions[0] from None


def background_tasks(write, read, places):
    """Each step is a task: enqueued in the place, run by a worker that is in none."""
    from tests.scopes.queue import worker

    def require(place, part):
        _require(read, place, _value(place, part))

    with worker(places) as do:
        for part in range(ROUNDS):
            for place in places:
                with override_tenant(place):
                    do(write, _value(place, part))
            for place in [*reversed(places), *places]:
                with override_tenant(place):
                    do(require, place, part)


MODES = {
    "here": here,
    "threads": threads,
    "asyncio": tasks_of_asyncio,
    "task": background_tasks,
}
