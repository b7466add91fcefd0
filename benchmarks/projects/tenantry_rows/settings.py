"""Tenantry with all tenants in one set of tables."""

import os

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, MIDDLEWARE, SALES_APPS, postgresql

DATABASES = postgresql("tenantry.backends.postgresql")
DATABASES["owner"] = DATABASES["default"] | {"USER": os.environ["BENCH_OWNER"]}
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
INSTALLED_APPS = ["tenantry", "customers", *APPS, *SALES_APPS]
MIDDLEWARE = ["tenantry.middleware.TenantMiddleware", *MIDDLEWARE]
TENANTRY = {
    "TENANT_MODEL": "customers.Tenant",
    "DOMAIN_MODEL": "customers.Domain",
    "SHARED_APPS": ["tenantry", "customers"],
    "TENANT_APPS": ["admin", "auth", "contenttypes", "sessions", "shop", "sales"],
    "PLACEMENTS": {
        "default": {
            "BACKEND": "tenantry.isolation.RowIsolation",
            "OPTIONS": {"OWNER_DATABASE": "owner"},
        }
    },
    "RESOLVERS": ["tenantry.routing.DomainResolver"],
}
