"""What visitors fill in; generic for type checkers only, so without arguments."""

from __future__ import annotations

from django import forms

from tenantry.demo.shop.models import Order, Photo


class PhotoForm(forms.ModelForm):  # type: ignore[type-arg]
    """A picture of a product."""

    class Meta:
        model = Photo
        fields = ("file",)


class OrderForm(forms.ModelForm):  # type: ignore[type-arg]
    """Where the confirmation goes."""

    class Meta:
        model = Order
        fields = ("email",)
