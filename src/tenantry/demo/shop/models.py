"""A shop, its products and its journal; written as if there were no other shop."""

from __future__ import annotations

from django.core.validators import FileExtensionValidator
from django.db import models
from django.urls import reverse

from tenantry.demo.shop import looks

PICTURES = ("jpeg", "jpg", "png", "webp")


def choices(values: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return the values as choices of a field."""
    return [(value, value.title()) for value in values]


class Shop(models.Model):
    """The one row that says what this shop is and how it looks."""

    name = models.CharField(max_length=80)
    tagline = models.CharField(max_length=120)
    about = models.TextField()
    hue = models.PositiveSmallIntegerField(help_text="0 to 359, round the wheel.")
    second_hue = models.PositiveSmallIntegerField()
    scheme = models.CharField(max_length=10, choices=choices(looks.SCHEMES))
    layout = models.CharField(max_length=10, choices=choices(looks.LAYOUTS))
    typeface = models.CharField(max_length=10, choices=choices(looks.TYPEFACES))
    mark = models.CharField(
        max_length=16, help_text="Begins every article number of this shop's rows."
    )

    def __str__(self) -> str:
        return self.name


class Product(models.Model):
    """Something on the shelf."""

    name = models.CharField(max_length=80)
    blurb = models.CharField(max_length=200)
    price = models.DecimalField(max_digits=7, decimal_places=2)
    article = models.CharField("article number", max_length=24)
    glyph = models.CharField(max_length=12)
    backdrop = models.CharField(max_length=10, choices=choices(looks.BACKDROPS))
    mix = models.PositiveSmallIntegerField(
        "colour mix", help_text=f"0 to {looks.MIXES - 1}."
    )

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        """Return the product's page."""
        return reverse("product", args=[self.pk])


class Photo(models.Model):
    """A picture of a product that a visitor sent in."""

    product = models.ForeignKey(Product, on_delete=models.CASCADE)
    file = models.FileField(
        upload_to="photos", validators=[FileExtensionValidator(PICTURES)]
    )

    class Meta:
        ordering = ("-pk",)

    def __str__(self) -> str:
        return self.file.name or ""


class Order(models.Model):
    """What a visitor ordered; confirmed by mail, in the background."""

    email = models.EmailField()
    total = models.DecimalField(max_digits=9, decimal_places=2)
    placed_at = models.DateTimeField(auto_now_add=True)
    confirmed_at = models.DateTimeField(null=True, editable=False)

    def __str__(self) -> str:
        return f"Order {self.pk}"

    def get_absolute_url(self) -> str:
        """Return the order's page."""
        return reverse("order", args=[self.pk])


class Post(models.Model):
    """An entry of the shop's journal."""

    title = models.CharField(max_length=120)
    body = models.TextField()
    published = models.DateField()

    class Meta:
        ordering = ("-published",)

    def __str__(self) -> str:
        return self.title
