"""Seams of background tasks: each runs in the tenant it was enqueued in."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from asgiref.sync import sync_to_async

from tenantry.scopes import tasks
from tenantry.seams.substitution import INSTALLED, seam_of, wrap


@seam_of("tasks")
def tasks_run_in_their_tenant() -> None:
    """A queue stores a task's path and its arguments, and nothing of the context."""
    if find_spec("django.tasks"):  # Django 6.0 or newer
        substitute("django.tasks")


def substitute(package: str) -> None:
    """Let the tasks of the package know their tenant: Django's, or its backport."""
    task = import_module(f"{package}.base").Task
    if hasattr(task.call, INSTALLED):
        return
    missing = import_module(f"{package}.exceptions").TaskResultDoesNotExist
    _carry_tenant(import_module(package), missing)
    _run_in_tenant(task)
    signals = import_module(f"{package}.signals")
    for signal in (signals.task_started, signals.task_finished):
        _announce_in_tenant(signal)


def _carry_tenant(package: Any, missing: type[Exception]) -> None:
    """Each thread's backends are made by the handler, when first asked for."""

    def create_connection(original: Any, self: Any, alias: str) -> Any:
        return _know_tenant(original(self, alias), missing)

    wrap(type(package.task_backends), "create_connection", create_connection)
    # Tasks that apps have defined by now have made theirs.
    for backend in package.task_backends.all(initialized_only=True):
        _know_tenant(backend, missing)


def _know_tenant(backend: Any, missing: type[Exception]) -> Any:
    """`Task.enqueue` and `get_result` ask the backend, which anyone may ask as well."""

    def enqueue(original: Any, task: Any, args: Any, kwargs: Any) -> Any:
        return original(task, args, tasks.carry(kwargs))

    def require(result: Any) -> Any:
        if not tasks.is_readable(result.kwargs):
            raise missing(result.id)
        return result

    def get_result(original: Any, result_id: Any) -> Any:
        return require(original(result_id))

    async def aget_result(original: Any, result_id: Any) -> Any:
        return require(await original(result_id))

    wrap(backend, "enqueue", enqueue)
    wrap(backend, "aenqueue", enqueue)
    wrap(backend, "get_result", get_result)
    wrap(backend, "aget_result", aget_result)
    return backend


def _run_in_tenant(task: Any) -> None:
    """A worker calls the task with the arguments that the queue stored."""

    def call(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        with tasks.run_carried(kwargs):
            return original(self, *args, **kwargs)

    async def acall(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        async with tasks.arun_carried(kwargs):
            return await original(self, *args, **kwargs)

    wrap(task, "call", call)
    wrap(task, "acall", acall)


def _announce_in_tenant(signal: Any) -> None:
    """A worker sends them before and after the task, outside of it."""

    def send(original: Any, sender: Any, **named: Any) -> Any:
        with tasks.announce_in(named["task_result"].kwargs):
            return original(sender, **named)

    async def asend(original: Any, sender: Any, **named: Any) -> Any:
        block = await sync_to_async(tasks.announce_in)(named["task_result"].kwargs)
        with block:
            return await original(sender, **named)

    for name, around in (("send", send), ("asend", asend)):
        wrap(signal, name, around)
        wrap(signal, f"{name}_robust", around)
