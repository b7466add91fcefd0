"""The app that holds the tenants."""

from __future__ import annotations

from django.apps import AppConfig


class CustomersConfig(AppConfig):
    """The shared app."""

    name = "tenantry.demo.customers"
    default_auto_field = "django.db.models.BigAutoField"
