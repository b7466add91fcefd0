"""Provisioning behind a page: begun in a thread, watched by whoever signed up.

The visitor's ticket names the row of their tenant, so it says nothing of a tenant that
takes the same key later. When the process that was at work has died, the next look at
the page goes on where it stopped.
"""

from __future__ import annotations

import logging
from contextvars import copy_context
from enum import Enum
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from django.core import signing
from django.core.exceptions import ValidationError
from django.db import connections

from tenantry.catalog.models import LifecycleRecord, State
from tenantry.catalog.registry import registry
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleBusy
from tenantry.lifecycle import journal
from tenantry.lifecycle import provision as lifecycle

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger("tenantry.signup")

PATIENCE = 2.0  # seconds that a visitor waits without a page
SALT = "tenantry.waiting"
MAX_AGE = 24 * 3600


class Progress(Enum):
    """How far the making of a tenant is."""

    WORKING = "working"
    READY = "ready"
    GONE = "gone"


def start(tenant: Any) -> None:
    """Make the recorded tenant live, in a thread; return when done, or after a while.

    The thread is no daemon: a server that stops in good order waits for it. Of one that
    is killed the journal tells, and `look` goes on.
    """
    _in_thread(tenant.key, lambda: lifecycle.finish(tenant)).wait(PATIENCE)


def _in_thread(key: str, act: Callable[[], Any]) -> Event:
    ended = Event()

    def work() -> None:
        try:
            with override_tenant(None):
                act()
        except LifecycleBusy:
            logger.debug("Tenant %r is being made by another process.", key)
        except Exception:
            # Undone already, or journaled: the page says which.
            logger.exception("Tenant %r could not be made.", key)
        finally:
            connections.close_all()
            ended.set()

    # With the context: the audit tells whose request it was.
    Thread(
        target=copy_context().run, args=(work,), name=f"tenantry-signup-{key}"
    ).start()
    return ended


def ticket(tenant: Any) -> str:
    """Return what the visitor shows to see how far their tenant is."""
    with override_tenant(None):
        pk = tenant._meta.pk.value_to_string(tenant)
        return signing.dumps([pk, tenant.key], salt=SALT)


def look(shown: str) -> tuple[Progress, Any]:
    """Return how far the tenant of the ticket is, and its row, where there is one.

    Goes on with what a process that died has left. Raises `BadSignature` for a ticket
    that is not ours, or older than a day.
    """
    with override_tenant(None):
        pk, key = signing.loads(shown, salt=SALT, max_age=MAX_AGE)
        tenant = _row(pk, key)
        if tenant is None or tenant.state == State.DROPPING:
            return Progress.GONE, None
        if tenant.state != State.PROVISIONING:
            return Progress.READY, tenant
        record = LifecycleRecord.objects.filter(key=key).first()
    if record is not None and journal.is_gone(record):
        _in_thread(key, lambda: lifecycle.resume(key)).wait(PATIENCE)
    return Progress.WORKING, tenant


def _row(pk: str, key: str) -> Any:
    model = registry.tenant_model
    try:
        return model._base_manager.filter(pk=pk, key=key).first()
    except (ValueError, ValidationError):
        return None
