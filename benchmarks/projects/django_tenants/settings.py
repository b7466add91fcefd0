"""django-tenants, as its manual sets it up."""

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, LIMIT_SET_CALLS, MIDDLEWARE, postgresql

DATABASES = postgresql("django_tenants.postgresql_backend")
DATABASE_ROUTERS = ["django_tenants.routers.TenantSyncRouter"]
SHARED_APPS = ["django_tenants", "customers"]
TENANT_APPS = APPS
INSTALLED_APPS = [*SHARED_APPS, *TENANT_APPS]
MIDDLEWARE = ["django_tenants.middleware.main.TenantMainMiddleware", *MIDDLEWARE]
TENANT_MODEL = "customers.Tenant"
TENANT_DOMAIN_MODEL = "customers.Domain"
TENANT_LIMIT_SET_CALLS = LIMIT_SET_CALLS
