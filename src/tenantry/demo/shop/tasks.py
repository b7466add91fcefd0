"""What the shop does in the background; written as if there were no other shop."""

from __future__ import annotations

from django.core.mail import send_mail
from django.template.loader import render_to_string
from django.utils import timezone

from tenantry.demo.shop.models import Order, Shop

try:
    from django.tasks import task
except ImportError:  # Django 5.2
    from django_tasks import task  # type: ignore[no-redef]


@task
def confirm(pk: int, url: str) -> None:
    """Confirm an order by mail, and note when; *url* is the order's page."""
    order = Order.objects.get(pk=pk)
    order.confirmed_at = timezone.now()
    context = {"order": order, "shop": Shop.objects.get(), "url": url}
    body = render_to_string("shop/confirmation.txt", context)
    send_mail(f"Your order {order.pk}", body, None, [order.email])
    order.save()
