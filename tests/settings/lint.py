"""The settings that mypy's Django plugin reads: every app of ours, no server."""

SECRET_KEY = "lint"
USE_TZ = True
ROOT_URLCONF = "tests.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "tenantry",
    "tests.customers",
]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]

TENANTRY = {
    "TENANT_MODEL": "customers.Tenant",
    "DOMAIN_MODEL": "customers.Domain",
    "SHARED_APPS": ["customers", "contenttypes"],
    "TENANT_APPS": ["contenttypes"],
    "ISOLATION": "database",
}
