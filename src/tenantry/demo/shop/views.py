"""The shop's pages; written as if there were no other shop."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, TypeAlias

from django.db import transaction
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tenantry.demo.shop.forms import OrderForm, PhotoForm
from tenantry.demo.shop.models import Order, Photo, Post, Product
from tenantry.demo.shop.tasks import confirm

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse

PHOTOS = 12
Line: TypeAlias = tuple[Product, int, Decimal]


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """Show the shelf and the journal."""
    products = list(Product.objects.all())
    context = {"products": products, "posts": Post.objects.all()[:3]}
    return render(request, "shop/home.html", context)


def product(request: HttpRequest, pk: int) -> HttpResponse:
    """Show one product and the pictures of it; take the picture that is posted."""
    found = get_object_or_404(Product, pk=pk)
    photo = Photo(product=found)
    form = PhotoForm(request.POST or None, request.FILES or None, instance=photo)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect(found)
    photos = Photo.objects.filter(product=found)[:PHOTOS]
    context = {"product": found, "photos": photos, "form": form}
    return render(request, "shop/product.html", context)


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
    return show_basket(request, OrderForm())


def show_basket(request: HttpRequest, form: OrderForm) -> HttpResponse:
    """Show what is in the basket, and the form to order it."""
    lines = lines_of(request)
    context = {"lines": lines, "total": total_of(lines), "form": form}
    return render(request, "shop/basket.html", context)


def lines_of(request: HttpRequest) -> list[Line]:
    """Return each product in the basket, how many, and for what price."""
    wanted: dict[str, int] = request.session.get("basket", {})
    return [
        (found, wanted[str(found.pk)], found.price * wanted[str(found.pk)])
        for found in Product.objects.filter(pk__in=wanted)
    ]


def total_of(lines: list[Line]) -> Decimal:
    """Return what the lines cost together."""
    return sum((price for _, _, price in lines), Decimal())


@require_POST
def checkout(request: HttpRequest) -> HttpResponse:
    """Order what is in the basket; a task confirms it."""
    lines = lines_of(request)
    form = OrderForm(request.POST, instance=Order(total=total_of(lines)))
    if not lines or not form.is_valid():
        return show_basket(request, form)
    placed = form.save()
    url = request.build_absolute_uri(placed.get_absolute_url())
    transaction.on_commit(lambda: confirm.enqueue(placed.pk, url))
    request.session["basket"] = {}
    return redirect(placed)


@require_safe
def order(request: HttpRequest, pk: int) -> HttpResponse:
    """Show an order, and whether it is confirmed."""
    found = get_object_or_404(Order, pk=pk)
    return render(request, "shop/order.html", {"order": found})
