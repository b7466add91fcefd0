"""The shop's own admin; generic for type checkers only, so without arguments."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib import admin

from tenantry.demo.shop.models import Post, Product, Shop

if TYPE_CHECKING:
    from django.http import HttpRequest


@admin.register(Shop)
class ShopAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Change a hue here and look at the shop again."""

    list_display = ("name", "tagline", "scheme", "layout", "typeface", "mark")

    def has_add_permission(self, _: HttpRequest) -> bool:
        """Refuse a second row: the pages ask for the one."""
        return False

    def has_delete_permission(self, _: HttpRequest, __: Shop | None = None) -> bool:
        """Refuse to be without."""
        return False


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The shelf."""

    list_display = ("name", "price", "article", "glyph")
    search_fields = ("name", "article")


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """The journal."""

    list_display = ("title", "published")
    date_hierarchy = "published"
