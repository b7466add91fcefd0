"""The settings of `django-admin startproject`, in parts, for all contenders alike."""

import os

SECRET_KEY = "for-the-benchmark-only"  # noqa: S105  (it protects nothing)
DEBUG = False
ALLOWED_HOSTS = [".localhost"]
USE_TZ = True
STATIC_URL = "static/"
ROOT_URLCONF = "shop.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "shop",
]
SALES_APPS = ["django.contrib.postgres", "sales"]  # for the part `rows`
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# A package made by the benchmark, to which it adds a migration as a developer would.
MIGRATION_MODULES = (
    {"shop": os.environ["BENCH_SHOP_MIGRATIONS"]}
    if "BENCH_SHOP_MIGRATIONS" in os.environ
    else {}
)
LIMIT_SET_CALLS = os.environ.get("BENCH_LIMIT_SET_CALLS") == "1"


def postgresql(engine):
    return {
        "default": {
            "ENGINE": engine,
            "HOST": os.environ["BENCH_HOST"],
            "PORT": os.environ["BENCH_PORT"],
            "USER": os.environ["BENCH_USER"],
            "NAME": os.environ["BENCH_DATABASE"],
            "CONN_MAX_AGE": 600,
            "OPTIONS": {"application_name": os.environ["BENCH_APPLICATION_NAME"]},
        }
    }
