"""What every page of a shop shows: the shop itself, and how it is kept apart."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.utils.functional import SimpleLazyObject

from tenantry.demo.shop.models import Shop
from tenantry.demo.customers.seed import PASSWORD
from tenantry.isolation import isolations

if TYPE_CHECKING:
    from django.http import HttpRequest

    from tenantry.demo.customers.models import Tenant


def tenant(request: HttpRequest) -> dict[str, Any]:
    """Return the shop, its login and where it lives; nothing on the shared site."""
    active: Tenant | None = getattr(request, "tenant", None)
    if active is None:
        return {}
    return {
        "shop": SimpleLazyObject(Shop.objects.get),
        "login": {"user": active.key, "password": PASSWORD},
        "home_of_all": f"http://localhost:{settings.DEMO_PORT}/",
        "basket_count": SimpleLazyObject(lambda: basket_count(request)),
        "place": {"isolation": settings.DEMO_ISOLATION, **where(active)},
    }


def where(tenant: Tenant) -> dict[str, str]:
    """Return where the tenant's rows are, the data folder left out of paths."""
    told = isolations[tenant.placement].describe(tenant.ref)
    return {
        name: value.removeprefix(f"{settings.DEMO_DATA}/")
        for name, value in told.items()
    }


def basket_count(request: HttpRequest) -> int:
    """Return how many things are in the visitor's basket."""
    return sum(request.session.get("basket", {}).values())
