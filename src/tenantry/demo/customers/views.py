"""The shared site: lists the shops, and looks into a few of their windows."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.paginator import Paginator
from django.db.models import Q
from django.shortcuts import render

from tenantry import override_tenant
from tenantry.demo.customers.models import Tenant
from tenantry.demo.customers.names import trade_of
from tenantry.demo.data import RECORD
from tenantry.demo.shop.looks import Look, look_of
from tenantry.demo.shop.models import Product, Shop

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

FEATURED = 6
CANDIDATES = 48
PAGE = 96


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """What one sees of a shop from the street."""

    url: str
    key: str
    shop: Shop
    products: list[Product]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A shop in the list."""

    url: str
    key: str
    name: str
    look: Look


def index(request: HttpRequest) -> HttpResponse:
    """List the shops, by page and by what is searched for."""
    wanted = request.GET.get("q", "").strip()
    tenants = Tenant.objects.active().order_by("pk")
    found = tenants.filter(Q(key__icontains=wanted) | Q(name__icontains=wanted))
    page = Paginator(found, PAGE).get_page(request.GET.get("page"))
    whole = not wanted and page.number == 1
    context = {
        "wanted": wanted,
        "page": page,
        "lines": [line(tenant) for tenant in page],
        "windows": [window(t) for t in round_the_wheel(tenants)] if whole else [],
        "whole": whole,
        "isolation": settings.DEMO_ISOLATION,
        "users": settings.DEMO_USERS,
        "record": record(),
    }
    return render(request, "customers/index.html", context)


def line(tenant: Tenant) -> Line:
    """Return the tenant's line; its colours follow from its key, without a query."""
    return Line(
        url=tenant.url(), key=tenant.key, name=tenant.name, look=look_of(tenant.key)
    )


def window(tenant: Tenant) -> Window:
    """Return what the tenant's own tables say of it now."""
    with override_tenant(tenant):
        return Window(
            url=tenant.url(),
            key=tenant.key,
            shop=Shop.objects.get(),
            products=list(Product.objects.all()[:3]),
        )


def round_the_wheel(tenants: QuerySet[Tenant]) -> list[Tenant]:
    """Return a few tenants unlike each other, in the order of their hues."""
    chosen: list[Tenant] = []
    candidates = list(tenants[:CANDIDATES])
    for part in range(FEATURED):
        trades = {trade_of(tenant.key) for tenant in chosen}
        schemes = [look_of(tenant.key).scheme for tenant in chosen]
        fitting = [
            tenant
            for tenant in candidates
            if look_of(tenant.key).hue * FEATURED // 360 == part
            and trade_of(tenant.key) not in trades
        ]
        fitting.sort(key=lambda tenant: schemes.count(look_of(tenant.key).scheme))
        chosen += fitting[:1]
    return chosen


def record() -> dict[str, Any]:
    """Return what was noted when the tenants were provisioned."""
    found: dict[str, Any] = json.loads((settings.DEMO_DATA / RECORD).read_text())
    return found
