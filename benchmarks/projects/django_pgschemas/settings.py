"""django-pgschemas, as its manual sets it up."""

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, LIMIT_SET_CALLS, MIDDLEWARE, postgresql

DATABASES = postgresql("django_pgschemas.postgresql")
DATABASE_ROUTERS = ["django_pgschemas.routers.TenantAppsRouter"]
TENANTS = {
    "public": {"APPS": ["django_pgschemas", "customers"]},
    "default": {
        "TENANT_MODEL": "customers.Tenant",
        "DOMAIN_MODEL": "customers.Domain",
        "APPS": APPS,
        "URLCONF": "shop.urls",
    },
}
INSTALLED_APPS = [*TENANTS["public"]["APPS"], *APPS]
MIDDLEWARE = [
    "django_pgschemas.routing.middleware.DomainRoutingMiddleware",
    *MIDDLEWARE,
]
PGSCHEMAS_LIMIT_SET_CALLS = LIMIT_SET_CALLS
# It advises content types for `public` only; here each tenant has them, as elsewhere.
SILENCED_SYSTEM_CHECKS = ["pgschemas.W002"]
