"""Tenantry with an SQLite file for each tenant, to see what stays open."""

import os
from pathlib import Path

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, MIDDLEWARE

FOLDER = Path(os.environ["BENCH_FOLDER"])
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "shared.sqlite3",
        "CONN_MAX_AGE": 600,
    }
}
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
INSTALLED_APPS = ["tenantry", "customers", *APPS]
MIDDLEWARE = ["tenantry.middleware.TenantMiddleware", *MIDDLEWARE]
TENANTRY = {
    "TENANT_MODEL": "customers.Tenant",
    "DOMAIN_MODEL": "customers.Domain",
    "SHARED_APPS": ["tenantry", "customers"],
    "TENANT_APPS": ["admin", "auth", "contenttypes", "sessions", "shop"],
    "PLACEMENTS": {
        "default": {
            "BACKEND": "tenantry.isolation.DatabaseIsolation",
            "OPTIONS": {
                "DIRECTORY": str(FOLDER / "tenants"),
                "MAX_OPEN": int(os.environ["BENCH_MAX_OPEN"]),
            },
        }
    },
    "RESOLVERS": ["tenantry.routing.DomainResolver"],
}
