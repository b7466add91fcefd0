"""What every page of the shop shows: the shop itself, and the visitor's basket."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.utils.functional import SimpleLazyObject

from tenantry.demo.shop.models import Shop

if TYPE_CHECKING:
    from django.http import HttpRequest


def shop(request: HttpRequest) -> dict[str, Any]:
    """Return both, read when a template asks for them."""
    return {
        "shop": SimpleLazyObject(Shop.objects.get),
        "basket_count": SimpleLazyObject(lambda: basket_count(request)),
    }


def basket_count(request: HttpRequest) -> int:
    """Return how many things are in the visitor's basket."""
    return sum(request.session.get("basket", {}).values())
