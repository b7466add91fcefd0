from django.apps import AppConfig


class CatalogConfig(AppConfig):
    name = "tenantry_suite.catalog"
    label = "tenantry_suite_catalog"
    default_auto_field = "django.db.models.BigAutoField"
