"""The shop's own admin."""

from __future__ import annotations

from django.contrib import admin

from tenantry.demo.shop.models import Post, Product, Shop


@admin.register(Shop)
class ShopAdmin(admin.ModelAdmin):
    """Change a hue here and look at the shop again."""

    list_display = ("name", "tagline", "scheme", "layout", "typeface", "mark")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """The shelf."""

    list_display = ("name", "price", "article", "glyph")
    search_fields = ("name", "article")


@admin.register(Post)
class PostAdmin(admin.ModelAdmin):
    """The journal."""

    list_display = ("title", "published")
    date_hierarchy = "published"
