"""Fills each new shop when tenantry has made it."""

from __future__ import annotations

from django.apps import AppConfig

from tenantry.signals import tenant_provisioned


class ShopConfig(AppConfig):
    """The tenants' app."""

    name = "tenantry.demo.shop"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Seed a tenant before it becomes routable."""
        from tenantry.demo.shop.seed import seed_tenant  # noqa: PLC0415  (has models)

        tenant_provisioned.connect(seed_tenant, dispatch_uid="demo.shop.seed")
