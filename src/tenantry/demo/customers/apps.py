"""The app that holds the tenants, and fills each new one when tenantry has made it."""

from __future__ import annotations

from django.apps import AppConfig

from tenantry.signals import tenant_provisioned


class CustomersConfig(AppConfig):
    """The shared app."""

    name = "tenantry.demo.customers"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Seed each tenant before it becomes routable."""
        from tenantry.demo.customers.seed import seed  # noqa: PLC0415  (has models)

        tenant_provisioned.connect(seed, dispatch_uid="demo.seed")
