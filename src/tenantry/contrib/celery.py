"""Celery: a task runs in the tenant that was active when it was sent.

Its message carries the tenant's key as a header, and so do those that a worker sends:
retries, the rest of a chain, the callback of a chord, `link`. `setup(app)` is all that
a project needs; tasks stay as they are.
"""

from __future__ import annotations

import functools
import sys
import zlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from celery import current_task
from celery.app import trace
from celery.signals import before_task_publish

from tenantry.context import override_tenant
from tenantry.exceptions import TenantNotFound, TenantUnavailable
from tenantry.scopes.tasks import CARRIED, active_key, task_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = ["schedule_for_tenants", "send_to_tenants", "setup"]

DISPATCHER = "tenantry.send_to_tenants"
CONSUMER = "celery.worker.consumer.consumer"


def setup(app: Any) -> None:
    """Let the tasks of a Celery app know their tenant; call it where the app is made.

    In a worker each task has its tenant active from before its `task_prerun` until
    after its `task_postrun`, or none where it was sent with none. One whose tenant is
    gone or not active fails, with `TenantNotFound` or `TenantUnavailable`.
    """
    before_task_publish.connect(_carry, dispatch_uid="tenantry.carry")
    _substitute_tracer()

    def dispatch(task: str, **how: Any) -> int:
        return send_to_tenants(app, task, **how)

    app.task(dispatch, name=DISPATCHER)


def _carry(headers: dict[str, Any], **_: Any) -> None:
    """Write the tenant into a message; a task that is sent again stays with its own."""
    request = current_task.request if current_task else None
    if request and request.id == headers.get("id") and CARRIED in vars(request):
        headers[CARRIED] = vars(request)[CARRIED]
    else:
        headers[CARRIED] = active_key()


def _substitute_tracer() -> None:
    """Wrap what runs a task in a worker, its callbacks and its signals included.

    Celery's signals cannot refuse a task, and classes of tasks are the project's.
    """
    original = trace.build_tracer
    if getattr(original, CARRIED, False):
        return

    @functools.wraps(original)
    def build_tracer(name: str, task: Any, *args: Any, **kwargs: Any) -> Any:
        traced = original(name, task, *args, **kwargs)
        if kwargs.get("eager"):
            return traced  # a call, in the caller's own tenant

        def refuse(error: Exception) -> Any:
            return original(name, _refused(task, error), *args, **kwargs)

        return _in_its_tenant(traced, refuse)

    setattr(build_tracer, CARRIED, True)
    trace.build_tracer = build_tracer
    if CONSUMER in sys.modules:  # has imported it by name
        sys.modules[CONSUMER].build_tracer = build_tracer  # type: ignore[attr-defined]


def _in_its_tenant(
    traced: Callable[..., Any], refuse: Callable[[Exception], Callable[..., Any]]
) -> Callable[..., Any]:
    """Return the tracer with the task's tenant active, or one by which it fails."""

    def run(uuid: str, args: Any, kwargs: Any, request: Any = None) -> Any:  # noqa: PLR0917  (Celery's)
        block = task_of((request or {}).get(CARRIED))
        try:
            block.__enter__()
        except (TenantNotFound, TenantUnavailable) as error:
            with override_tenant(None):
                return refuse(error)(uuid, args, kwargs, request)
        try:
            return traced(uuid, args, kwargs, request)
        finally:
            block.__exit__(None, None, None)

    return run


def _refused(task: Any, error: Exception) -> Any:
    """Return a twin of the task that fails with the error in place of its work."""

    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise error

    kind = type(task)
    body = {"__call__": fail, "before_start": lambda *_: None}
    twin = type(kind.__name__, (kind,), body)()
    vars(twin).update(vars(task))
    return twin


def send_to_tenants(
    app: Any,
    task: str,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    over: float = 0,
    options: Mapping[str, Any] | None = None,
    **selection: Any,
) -> int:
    """Send a task once in each tenant, and return how many were sent.

    *over* spreads their start over that many seconds, each tenant always at the same
    moment of it; *selection* is as for `manage.py tenants`: `only`, `exclude`, `where`
    (`"field=value"`), `state`, `placement`, `kind`; all active tenants unless given.
    """
    from tenantry.fleet.selection import Selection  # noqa: PLC0415  (has models)

    tenants = Selection(**_from_json(selection)).tenants()
    for tenant in tenants:
        wait = zlib.crc32(f"{task} {tenant.key}".encode()) % int(over) if over else None
        signature = app.signature(task, args=args, kwargs=kwargs or {})
        with override_tenant(tenant):
            signature.apply_async(**{"countdown": wait, **(options or {})})
    return len(tenants)


def _from_json(selection: dict[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in selection.items()}


def schedule_for_tenants(
    task: str, schedule: Any, *, over: timedelta | float = 0, **how: Any
) -> dict[str, Any]:
    """Return an entry of `beat_schedule` by which each tenant has the task done.

    *over* and *how* are those of `send_to_tenants`. Beat sends one task, and a worker
    makes it many: tenants are those there are by then.
    """
    seconds = over.total_seconds() if isinstance(over, timedelta) else over
    return {
        "task": DISPATCHER,
        "schedule": schedule,
        "kwargs": {"task": task, "over": seconds, **how},
    }
