"""The record of what is being done to a tenant: the last step done, and by whom.

A process that dies leaves the record behind. Another may take it over when the first is
gone: its process does not exist any more, or it is on another machine and silent.
"""

from __future__ import annotations

import os
import socket
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from django.utils import timezone

from tenantry.catalog.models import LifecycleRecord
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleBusy
from tenantry.signals import lifecycle_step

if TYPE_CHECKING:
    from collections.abc import Iterator

SILENT = timedelta(minutes=10)

# Keys that threads of this process are at work on: a record of this process that is not
# among them was left by an earlier process of the same number.
_at_work: set[str] = set()


def this_process() -> str:
    """Return the name of this process among all machines."""
    return f"{socket.gethostname()}:{os.getpid()}"


def is_gone(record: LifecycleRecord) -> bool:
    """Whether the process that wrote the record is certainly not at work any more."""
    host, _, pid = record.owner.rpartition(":")
    if record.owner == this_process():
        return record.key not in _at_work
    if host != socket.gethostname():
        return record.touched_at < timezone.now() - SILENT
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def begin(key: str, action: str, step: str) -> None:
    """Write that this process is at work; in the transaction of the first step."""
    LifecycleRecord.objects.create(
        key=key, action=action, step=step, owner=this_process()
    )
    _at_work.add(key)


def take_over(key: str) -> LifecycleRecord | None:
    """Return the record of an action left unfinished, now this process's own.

    Raises `LifecycleBusy` where another process is at work on the tenant. Two that take
    over at once: the one whose change finds the owner unchanged wins.
    """
    with override_tenant(None):
        record = LifecycleRecord.objects.filter(key=key).first()
        if record is None:
            return None
        mine = LifecycleRecord.objects.filter(
            key=key, owner=record.owner, touched_at=record.touched_at
        )
        now = timezone.now()
        if is_gone(record) and mine.update(owner=this_process(), touched_at=now):
            record.owner = this_process()
            record.touched_at = now
            _at_work.add(key)
            return record
    raise LifecycleBusy(
        key,
        record.step,
        f"process {record.owner} is at work on it ({record.action})",
        next_step="Wait until it is done; `manage.py tenants status` shows it.",
    )


def touch(key: str) -> None:
    """Write that this process is still at work, in a step that takes long."""
    LifecycleRecord.objects.filter(key=key).update(touched_at=timezone.now())


def end(key: str) -> None:
    """Remove the record; in the transaction of the last step."""
    LifecycleRecord.objects.filter(key=key).delete()
    _at_work.discard(key)


@contextmanager
def announced(sender: type, key: str, *, action: str, step: str) -> Iterator[None]:
    """Send `lifecycle_step` before and after the block, which does the step."""
    lifecycle_step.send(sender=sender, key=key, action=action, step=step, done=False)
    yield
    lifecycle_step.send(sender=sender, key=key, action=action, step=step, done=True)


@contextmanager
def recorded(sender: type, key: str, *, action: str, step: str) -> Iterator[None]:
    """Announce the step, and when the block has done it, write so."""
    with announced(sender, key, action=action, step=step):
        yield
        with override_tenant(None):
            LifecycleRecord.objects.filter(key=key).update(
                step=step, touched_at=timezone.now()
            )
