"""The app that every shop has for itself."""

from __future__ import annotations

from django.apps import AppConfig


class ShopConfig(AppConfig):
    """An ordinary Django app."""

    name = "tenantry.demo.shop"
    default_auto_field = "django.db.models.BigAutoField"
