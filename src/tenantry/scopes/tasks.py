"""Background work runs in the tenant it was asked for in, and clearly fails without it.

The tenant travels by its key, as one value among what the queue stores. What receives
the work enters `task_of(key)`: `seams/tasks.py` does for Django's own tasks, `contrib`
for foreign queues, and any other queue's worker can.
"""

from __future__ import annotations

from contextlib import (
    AbstractContextManager,
    asynccontextmanager,
    contextmanager,
    nullcontext,
)
from typing import TYPE_CHECKING, Any

from asgiref.sync import sync_to_async

from tenantry.context import ACTIVE, override_tenant
from tenantry.exceptions import TenantNotFound, TenantUnavailable, WrongTenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from tenantry.catalog.registry import Entry
    from tenantry.types import TenantRef

__all__ = ["CARRIED", "active_key", "atask_of", "available", "task_of"]

# The keyword argument by which a task of `django.tasks` carries its tenant's key.
CARRIED = "tenantry_tenant"


def active_key() -> str | None:
    """Return the key of the active tenant, for a queue to carry; None where none is."""
    tenant = ACTIVE.get()
    return None if tenant is None else tenant.key


def _entry(key: str) -> Entry | None:
    """Return what the catalog says of the tenant.

    Imported when used: queues are set up before Django's apps are ready.
    """
    from tenantry.catalog.registry import registry  # noqa: PLC0415  (has models)

    return registry.by_key(key)


def available(key: str | None) -> TenantRef | None:
    """Return the tenant that work may be done in; None for work of no tenant.

    Raises `TenantNotFound` for one that is gone, and `TenantUnavailable` for one that
    is in any state but active.
    """
    if key is None:
        return None
    from tenantry.catalog.models import State  # noqa: PLC0415  (models)

    entry = _entry(key)
    if entry is None:
        raise TenantNotFound(key)
    if entry.state != State.ACTIVE:
        raise TenantUnavailable(key, State(entry.state).label)
    return entry.ref


def _localized() -> AbstractContextManager[Any]:
    """Return what puts the active tenant's own time zone and language in force."""
    from tenantry.scopes.localization import localized  # noqa: PLC0415  (has models)

    return localized()


@contextmanager
def task_of(key: str | None) -> Iterator[TenantRef | None]:
    """Do a piece of background work: with the tenant of this key active, or none.

    Its own time zone and language are in force. Whatever the worker did before is of
    no matter, and nothing of it remains after. Raises as `available` does.
    """
    with override_tenant(available(key)) as tenant, _localized():
        yield tenant


@asynccontextmanager
async def atask_of(key: str | None) -> AsyncIterator[TenantRef | None]:
    """See `task_of`."""
    with override_tenant(await sync_to_async(available)(key)) as tenant, _localized():
        yield tenant


def carry(kwargs: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a task with the tenant that it is enqueued in.

    Those of an earlier task, enqueued once more, carry its tenant already: it stays, on
    the shared site, as for an administrator who tries a failed task again. Raises
    `WrongTenant` in another tenant.
    """
    key = active_key()
    if CARRIED not in kwargs:
        return {**kwargs, CARRIED: key}
    given = kwargs[CARRIED]
    if key not in (None, given):
        raise WrongTenant("The task", belongs_to=given or "the shared site", active=key)
    return kwargs


def run_carried(kwargs: dict[str, Any]) -> AbstractContextManager[Any]:
    """Take the tenant out of a task's arguments, and return what makes it active.

    A task that is called, not run by a worker, carries none: it is a plain function.
    """
    return task_of(kwargs.pop(CARRIED)) if CARRIED in kwargs else nullcontext()


@asynccontextmanager
async def arun_carried(kwargs: dict[str, Any]) -> AsyncIterator[None]:
    """See `run_carried`."""
    if CARRIED not in kwargs:
        yield
        return
    async with atask_of(kwargs.pop(CARRIED)):
        yield


def announce_in(kwargs: dict[str, Any]) -> AbstractContextManager[Any]:
    """Return what makes the tenant of a task active for the receivers of its signals.

    They hear of every task: of one whose tenant is gone, with none active.
    """
    if CARRIED not in kwargs:
        return nullcontext()
    key = kwargs[CARRIED]
    entry = None if key is None else _entry(key)
    return override_tenant(None if entry is None else entry.ref)


def is_readable(kwargs: dict[str, Any]) -> bool:
    """Whether the result of a task may be read here: in its tenant, or the shared site.

    A task that carries nothing was enqueued before tasks did: it is of no tenant.
    """
    key = active_key()
    return key is None or kwargs.get(CARRIED) == key
