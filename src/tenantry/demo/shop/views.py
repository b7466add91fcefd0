"""The shop's pages; written as if there were no other shop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_safe

from tenantry.demo.shop.models import Post, Product

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the shelf and the journal."""
    products = list(Product.objects.all())
    context = {"products": products, "posts": Post.objects.all()[:3]}
    return render(request, "shop/home.html", context)


@require_safe
def product(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one product."""
    found = get_object_or_404(Product, pk=pk)
    return render(request, "shop/product.html", {"product": found})


def basket(request: HttpRequest) -> HttpResponse:
    """Show the basket, kept in the session; put in what is posted."""
    wanted: dict[str, int] = request.session.get("basket", {})
    if request.method == "POST":
        pk = request.POST.get("product", "")
        if pk:
            get_object_or_404(Product, pk=pk)
            wanted[pk] = wanted.get(pk, 0) + 1
        request.session["basket"] = wanted if pk else {}
        return redirect("basket")
    lines = [
        (found, wanted[str(found.pk)], found.price * wanted[str(found.pk)])
        for found in Product.objects.filter(pk__in=wanted)
    ]
    context = {"lines": lines, "total": sum(price for _, _, price in lines)}
    return render(request, "shop/basket.html", context)
