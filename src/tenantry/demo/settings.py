"""The demo's settings; isolation, users, and where its data is come from variables."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django import VERSION
from django.core.management.utils import get_random_secret_key

from tenantry.options import ISOLATIONS

POSTGRES_NAME = os.environ.get("TENANTRY_DEMO_POSTGRES_NAME", "tenantry_demo")


def postgres(url: str) -> dict[str, Any]:
    """Read postgresql://user:password@host:port, a socket's folder as ?host=."""
    parts = urlsplit(url)
    return {
        "ENGINE": "tenantry.backends.postgresql",
        "NAME": POSTGRES_NAME,
        "HOST": parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0],
        "PORT": str(parts.port or 5432),
        "USER": unquote(parts.username or "postgres"),
        "PASSWORD": unquote(parts.password or ""),
        "CONN_MAX_AGE": 60,
    }


DEMO_DATA = Path(os.environ.get("TENANTRY_DEMO_DATA", ".demo")).resolve()
DEMO_ISOLATION = os.environ.get("TENANTRY_DEMO_ISOLATION", "database")
# Whose the users are: each shop's own, members of several, both, or a shop for each.
DEMO_USERS = os.environ.get("TENANTRY_DEMO_USERS", "confined")
# Marks the rows of each run: a page of an earlier one is a wrong answer as well.
DEMO_SEED = os.environ.get("TENANTRY_DEMO_SEED", "demo")
DEMO_PORT = int(os.environ.get("TENANTRY_DEMO_PORT", "8000"))
POSTGRES_URL = (
    os.environ.get("TENANTRY_DEMO_POSTGRES_URL")
    or os.environ.get("TENANTRY_TEST_POSTGRES_URL")
    or "postgresql://postgres@127.0.0.1:5432"
)

# New at each start, as all the data is.
SECRET_KEY = os.environ.get("TENANTRY_DEMO_SECRET_KEY") or get_random_secret_key()
DEBUG = False
ALLOWED_HOSTS = [".localhost", "127.0.0.1", "[::1]"]

PEOPLE = ["contenttypes", "auth", "sessions"]
SHARED_PEOPLE = [] if DEMO_USERS == "confined" else [*PEOPLE, "admin"]
TENANTS_PEOPLE = PEOPLE if DEMO_USERS in {"confined", "both"} else []

INSTALLED_APPS = [
    "tenantry",
    "tenantry.demo.customers",
    "tenantry.demo.shop",  # before admin, whose look it changes
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.humanize",
    "django.contrib.staticfiles",
]
if SHARED_PEOPLE:
    INSTALLED_APPS += ["tenantry.users"]
if VERSION < (6, 0):
    INSTALLED_APPS += [
        "django_tasks",
        "tenantry.contrib.django_tasks.TenantTasksConfig",
    ]
MIDDLEWARE = [
    "tenantry.middleware.TenantMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "tenantry.users.middleware.UsersMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if DEMO_USERS == "both":
    AUTHENTICATION_BACKENDS.insert(0, "tenantry.users.shared_backend.SharedUserBackend")
ROOT_URLCONF = "tenantry.demo.urls"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [Path(__file__).parent / "templates"],  # pages of people in our look
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "tenantry.demo.shop.context_processors.shop",
                "tenantry.demo.customers.context_processors.footer",
            ]
        },
    }
]

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": DEMO_DATA / "shared.sqlite3",
    "OPTIONS": {
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        "transaction_mode": "IMMEDIATE",
    },
}
DEMO_ON_POSTGRES = DEMO_ISOLATION != "database"
# Whose role makes the database, and for row isolation the two roles that use it.
DEMO_SERVER = postgres(POSTGRES_URL)
DEMO_ROLES = {"default": f"{POSTGRES_NAME}_serving", "owner": f"{POSTGRES_NAME}_owner"}
DATABASES: dict[str, dict[str, Any]]
if DEMO_ISOLATION == "row":
    DATABASES = {
        alias: {**DEMO_SERVER, "USER": role, "PASSWORD": DEMO_SEED}
        for alias, role in DEMO_ROLES.items()
    }
else:
    DATABASES = {"default": DEMO_SERVER if DEMO_ON_POSTGRES else SQLITE}
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TENANTRY = {
    "TENANT_MODEL": "customers.Tenant",
    "DOMAIN_MODEL": "customers.Domain",
    "SHARED_APPS": ["tenantry", "customers", *SHARED_PEOPLE],
    "TENANT_APPS": [*TENANTS_PEOPLE, "admin", "shop"],
    "PLACEMENTS": {
        "default": {
            "BACKEND": ISOLATIONS[DEMO_ISOLATION],
            "OPTIONS": {"OWNER_DATABASE": "owner"} if DEMO_ISOLATION == "row" else {},
        }
    },
    "RESOLVERS": [
        {
            "BACKEND": "tenantry.routing.SubdomainResolver",
            "OPTIONS": {"BASE": "localhost"},
        }
    ],
    "SHARED_URLCONF": "tenantry.demo.urls_shared",
    "SHARED_HOSTS": ["localhost", "127.0.0.1"],
    "URL_SCHEME": "http",
    "URL_PORT": DEMO_PORT,
    "SETTINGS": ["DEFAULT_FROM_EMAIL", "TIME_ZONE"],
    "ROLES": {
        "admin": {"STAFF": True, "SUPERUSER": True, "MANAGES": True},
        "member": {},
        "visitor": {"STAFF": True, "PERMISSIONS": ["shop.view_*"]},  # staff of ours
    },
    "SIGNUP": "tenant" if DEMO_USERS == "own" else "account",
}

CACHES = {
    "default": {
        "BACKEND": "tenantry.scopes.cache.TenantCache",
        "OPTIONS": {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "MAX_ENTRIES": 100_000,
        },
    }
}
STORAGES = {
    "default": {
        "BACKEND": "tenantry.scopes.storage.TenantStorage",
        "OPTIONS": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": DEMO_DATA / "media", "base_url": "/media/"},
        },
    },
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
TASKS = {"default": {"BACKEND": "tenantry.demo.background.ThreadBackend"}}
# Mails are printed where the demo runs.
if VERSION < (6, 1):
    EMAIL_BACKEND = "django.core.mail.backends.console.EmailBackend"
else:
    MAILERS = {"default": {"BACKEND": "django.core.mail.backends.console.EmailBackend"}}
LOGIN_URL = "tenantry_login"
STATIC_URL = "/static/"
LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "loggers": {"django.server": {"level": "ERROR"}},  # not a line for each request
}
