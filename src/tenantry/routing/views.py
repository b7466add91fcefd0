"""What is answered where there is no tenant, or none that can answer.

Replaceable by `NOT_FOUND_VIEW` and `UNAVAILABLE_VIEW`. They say nothing of the tenant:
whoever asks need not know that it exists.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.http import HttpResponse, HttpResponseNotFound

from tenantry.catalog.models import State

if TYPE_CHECKING:
    from django.http import HttpRequest

PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1">
<style>body{{font:1.1rem/1.5 system-ui,sans-serif;margin:20vh auto;max-width:30rem;
padding:0 1rem;color:#334}}h1{{font-size:1.6rem}}</style></head>
<body><h1>{title}</h1><p>{text}</p></body></html>
"""
RETRY_AFTER_SECONDS = "30"


def not_found(request: HttpRequest) -> HttpResponse:
    """Answer 404: no resolver knows the request."""
    del request
    return HttpResponseNotFound(
        PAGE.format(title="Not found", text="There is no site at this address.")
    )


def unavailable(request: HttpRequest, tenant: Any) -> HttpResponse:
    """Answer 403 for a suspended tenant, and 503 for one that will be back."""
    del request
    if tenant.state == State.SUSPENDED:
        page = PAGE.format(title="Suspended", text="This site has been suspended.")
        return HttpResponse(page, status=403)
    page = PAGE.format(title="Back soon", text="This site is not available just now.")
    return HttpResponse(page, status=503, headers={"Retry-After": RETRY_AFTER_SECONDS})
