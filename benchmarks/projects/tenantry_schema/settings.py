"""Tenantry with a schema for each tenant."""

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, MIDDLEWARE, postgresql

DATABASES = postgresql("tenantry.backends.postgresql")
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
INSTALLED_APPS = ["tenantry", "customers", *APPS]
MIDDLEWARE = ["tenantry.middleware.TenantMiddleware", *MIDDLEWARE]
TENANTRY = {
    "TENANT_MODEL": "customers.Tenant",
    "DOMAIN_MODEL": "customers.Domain",
    "SHARED_APPS": ["tenantry", "customers"],
    "TENANT_APPS": ["admin", "auth", "contenttypes", "sessions", "shop"],
    "PLACEMENTS": {"default": {"BACKEND": "tenantry.isolation.SchemaIsolation"}},
    "RESOLVERS": ["tenantry.routing.DomainResolver"],
}
