"""OpenTelemetry: `TenantSpanProcessor` gives each span the attribute `tenant`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.sdk.trace import SpanProcessor

from tenantry.context import ACTIVE
from tenantry.signals import tenant_resolved

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import Span

__all__ = ["ATTRIBUTE", "TenantSpanProcessor"]

ATTRIBUTE = "tenant"


class TenantSpanProcessor(SpanProcessor):
    """Sets the attribute `tenant` of each span to the key of the tenant active then.

    The span of a request starts before its tenant is known: it is told when
    `TenantMiddleware` has found it. Spans of the shared site have no such attribute.
    """

    def __init__(self) -> None:
        tenant_resolved.connect(_resolved, dispatch_uid="tenantry.opentelemetry")

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Name the tenant in the span that starts."""
        del parent_context
        tenant = ACTIVE.get()
        if tenant is not None:
            span.set_attribute(ATTRIBUTE, tenant.key)


def _resolved(tenant: Any, **_: object) -> None:
    """Name the tenant in the span of the request, which has begun before."""
    trace.get_current_span().set_attribute(ATTRIBUTE, tenant.key)
