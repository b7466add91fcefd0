"""Log records that name their tenant: `TenantFilter`, for Django's LOGGING."""

from __future__ import annotations

import logging

from tenantry.context import ACTIVE

__all__ = ["NO_TENANT", "TenantFilter"]

NO_TENANT = "-"


class TenantFilter(logging.Filter):
    """Gives each record `tenant`: the key of the tenant active now, or "-".

    It lets every record pass. Django logs what became of a request after the
    middleware has left the tenant; such records name the request's. What `extra` or an
    earlier filter said is kept: where a `QueueHandler` hands records to another thread,
    put the filter on that handler, so that they are told before they travel.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Name the tenant, and let the record pass."""
        if "tenant" not in record.__dict__:
            tenant = ACTIVE.get()
            if tenant is None:
                tenant = getattr(getattr(record, "request", None), "tenant", None)
            record.tenant = NO_TENANT if tenant is None else tenant.key
        return True
