"""Sentry: `TenantIntegration` tags each event with the tenant it happened in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sentry_sdk
from sentry_sdk.integrations import Integration
from sentry_sdk.scope import add_global_event_processor

from tenantry.context import ACTIVE, TENANT_OF_ERROR
from tenantry.signals import tenant_resolved

if TYPE_CHECKING:
    from sentry_sdk.types import Event, Hint

__all__ = ["TAG", "TenantIntegration"]

TAG = "tenant"
# Scopes that the SDK makes for one request, and drops with it.
OF_A_REQUEST = ("wsgi", "asgi")


class TenantIntegration(Integration):
    """Tags events and transactions `tenant`: the key of the tenant active then.

    `sentry_sdk.init(integrations=[TenantIntegration()])`. The tag is read when an event
    is captured, in whatever thread or task; an error that left the tenant's block
    before that still has its tag. So has what Sentry captures of a request after the
    middleware has left its tenant.
    """

    identifier = "tenantry"

    @staticmethod
    def setup_once() -> None:
        """Ask for the tenant at every event, and at every request."""
        add_global_event_processor(_tag)
        tenant_resolved.connect(_resolved, dispatch_uid="tenantry.sentry")


def _is_on() -> bool:
    return sentry_sdk.get_client().get_integration(TenantIntegration) is not None


def _tag(event: Event, hint: Hint | None) -> Event:
    """Tag the event with the tenant that is, or was as the error was raised, active.

    A transaction is captured at its end, when a request has left its tenant: it keeps
    the tag of the request.
    """
    error = ((hint or {}).get("exc_info") or (None, None))[1]
    tenant = getattr(error, TENANT_OF_ERROR, ACTIVE.get())
    if tenant is not None and _is_on():
        tags: Any = event.setdefault("tags", {})
        if event.get("type") != "transaction" or TAG not in tags:
            tags[TAG] = tenant.key
    return event


def _resolved(tenant: Any, **_: object) -> None:
    """Tag what the SDK keeps for this request, and for no other."""
    scope = sentry_sdk.get_isolation_scope()
    if getattr(scope, "_name", None) in OF_A_REQUEST and _is_on():
        scope.set_tag(TAG, tenant.key)
