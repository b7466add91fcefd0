"""Tenantry with a schema for each tenant, and services that know it, or that do not."""

import os

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, MIDDLEWARE, postgresql

from tenantry.options import SCOPES

KNOW = os.environ["BENCH_SERVICES"] == "know"

DATABASES = postgresql("tenantry.backends.postgresql")
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
INSTALLED_APPS = ["tenantry", "customers", *APPS]
MIDDLEWARE = ["tenantry.middleware.TenantMiddleware", *MIDDLEWARE]
ROOT_URLCONF = "services"
DEFAULT_FROM_EMAIL = "shop@example.com"
TENANTRY = {
    "TENANT_MODEL": "customers.Tenant",
    "DOMAIN_MODEL": "customers.Domain",
    "SHARED_APPS": ["tenantry", "customers"],
    "TENANT_APPS": ["admin", "auth", "contenttypes", "sessions", "shop"],
    "PLACEMENTS": {"default": {"BACKEND": "tenantry.isolation.SchemaIsolation"}},
    "RESOLVERS": ["tenantry.routing.DomainResolver"],
    "SCOPES": SCOPES if KNOW else [],
    "SETTINGS": ["DEFAULT_FROM_EMAIL"] if KNOW else [],
}


def around(backend, ours):
    """Return the backend's entry: in ours, or alone."""
    alone = {"BACKEND": backend}
    return {"BACKEND": ours, "OPTIONS": alone} if KNOW else alone


CACHES = {
    "default": around(
        "django.core.cache.backends.locmem.LocMemCache",
        "tenantry.scopes.cache.TenantCache",
    )
}
STORAGES = {
    "default": around(
        "django.core.files.storage.InMemoryStorage",
        "tenantry.scopes.storage.TenantStorage",
    ),
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
FILTERS = {"tenant": {"()": "tenantry.scopes.logging.TenantFilter"}} if KNOW else {}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": FILTERS,
    "handlers": {
        "memory": {"class": "logging.handlers.BufferingHandler", "capacity": 100}
        | {"filters": list(FILTERS)}
    },
    "loggers": {"shop": {"handlers": ["memory"], "level": "INFO", "propagate": False}},
}
