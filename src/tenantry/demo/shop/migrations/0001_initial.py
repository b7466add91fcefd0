"""The shop's tables."""

from __future__ import annotations

from typing import Any

from django.core.validators import FileExtensionValidator
from django.db import migrations, models

BACKDROPS = ("sun", "arch", "split", "hills", "stripes", "dots", "rays", "tiles")
SCHEMES = ("paper", "tint", "night", "vivid")
LAYOUTS = ("split", "poster", "window")
TYPEFACES = ("oldstyle", "grotesque", "slab", "geometric", "humanist", "didone")


def identifier() -> models.Field[Any, Any]:
    """Return the primary key of each table."""
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


def choice(values: tuple[str, ...]) -> models.Field[Any, Any]:
    """Return a field of a look."""
    return models.CharField(
        choices=[(value, value.title()) for value in values], max_length=10
    )


class Migration(migrations.Migration):
    """Make them."""

    initial = True
    dependencies = ()
    operations = (
        migrations.CreateModel(
            name="Shop",
            fields=[
                ("id", identifier()),
                ("name", models.CharField(max_length=80)),
                ("tagline", models.CharField(max_length=120)),
                ("about", models.TextField()),
                (
                    "hue",
                    models.PositiveSmallIntegerField(
                        help_text="0 to 359, round the wheel."
                    ),
                ),
                ("second_hue", models.PositiveSmallIntegerField()),
                ("scheme", choice(SCHEMES)),
                ("layout", choice(LAYOUTS)),
                ("typeface", choice(TYPEFACES)),
                (
                    "mark",
                    models.CharField(
                        help_text="Begins every article number of this shop's rows.",
                        max_length=16,
                    ),
                ),
            ],
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", identifier()),
                ("name", models.CharField(max_length=80)),
                ("blurb", models.CharField(max_length=200)),
                ("price", models.DecimalField(decimal_places=2, max_digits=7)),
                (
                    "article",
                    models.CharField(max_length=24, verbose_name="article number"),
                ),
                ("glyph", models.CharField(max_length=12)),
                ("backdrop", choice(BACKDROPS)),
                (
                    "mix",
                    models.PositiveSmallIntegerField(
                        help_text="0 to 5.", verbose_name="colour mix"
                    ),
                ),
            ],
            options={"ordering": ("pk",)},
        ),
        migrations.CreateModel(
            name="Photo",
            fields=[
                ("id", identifier()),
                (
                    "file",
                    models.FileField(
                        upload_to="photos",
                        validators=[
                            FileExtensionValidator(("jpeg", "jpg", "png", "webp"))
                        ],
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        on_delete=models.deletion.CASCADE, to="shop.product"
                    ),
                ),
            ],
            options={"ordering": ("-pk",)},
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", identifier()),
                ("email", models.EmailField(max_length=254)),
                ("total", models.DecimalField(decimal_places=2, max_digits=9)),
                ("placed_at", models.DateTimeField(auto_now_add=True)),
                ("confirmed_at", models.DateTimeField(editable=False, null=True)),
            ],
        ),
        migrations.CreateModel(
            name="Post",
            fields=[
                ("id", identifier()),
                ("title", models.CharField(max_length=120)),
                ("body", models.TextField()),
                ("published", models.DateField()),
            ],
            options={"ordering": ("-published",)},
        ),
    )
