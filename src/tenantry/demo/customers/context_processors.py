"""What the footer of every shop tells: where its rows are, and how to sign in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.core.files.storage import storages
from django.utils import timezone

from tenantry.demo.customers.seed import PASSWORD
from tenantry.isolation import isolations

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenantry.demo.customers.models import Tenant
    from tenantry.scopes.storage import TenantStorage


def footer(request: HttpRequest) -> dict[str, Any]:
    """Return it; nothing on the shared site, where no tenant is active."""
    tenant: Tenant | None = getattr(request, "tenant", None)
    if tenant is None:
        return {}
    return {
        "login": {"user": tenant.key, "password": PASSWORD},
        "home_of_all": f"http://localhost:{settings.DEMO_PORT}/",
        "services": {
            "files": cast("TenantStorage", storages["default"]).full_name(""),
            "mail": settings.DEFAULT_FROM_EMAIL,
            "time_zone": timezone.get_current_timezone_name(),
        },
        "place": {"isolation": settings.DEMO_ISOLATION, **where(tenant)},
    }


def where(tenant: Tenant) -> dict[str, str]:
    """Return where the tenant's rows are, the data folder left out of paths."""
    told = isolations[tenant.placement].describe(tenant.ref)
    return {
        name: value.removeprefix(f"{settings.DEMO_DATA}/")
        for name, value in told.items()
    }
