"""structlog: `add_tenant`, a processor that names the tenant in each event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from structlog.typing import EventDict, WrappedLogger

__all__ = ["add_tenant"]


def add_tenant(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Give the event `tenant`: the key of the tenant active now, or "-".

    Put it among structlog's `processors` and, for records of `logging`, in the
    `foreign_pre_chain` of its `ProcessorFormatter`. What the caller bound is kept.
    """
    del logger, method
    if "tenant" not in event:
        tenant = ACTIVE.get()
        if tenant is None:
            # Django logs what became of a request after the tenant was left.
            request = getattr(event.get("_record"), "request", None)
            tenant = getattr(request, "tenant", None)
        event["tenant"] = "-" if tenant is None else tenant.key
    return event
