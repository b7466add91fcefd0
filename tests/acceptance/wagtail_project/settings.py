"""A Wagtail project as its template makes it, with tenantry's settings beside."""

from tests.settings.project import *  # noqa: F403  (settings)
from tests.settings.project import DATABASES, TENANTRY

WAGTAIL_APPS = [
    "wagtail.contrib.forms",
    "wagtail.contrib.redirects",
    "wagtail.embeds",
    "wagtail.sites",
    "wagtail.users",
    "wagtail.snippets",
    "wagtail.documents",
    "wagtail.images",
    "wagtail.search",
    "wagtail.admin",
    "wagtail",
    "modelcluster",
    "taggit",
]
INSTALLED_APPS = [
    "tenantry",
    "tests.customers",
    "tests.acceptance.wagtail_project.pages",
    *WAGTAIL_APPS,
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
]
if "postgresql" in DATABASES["default"]["ENGINE"]:
    INSTALLED_APPS.append("django.contrib.postgres")  # Wagtail's search needs it there
MIDDLEWARE = [
    "tenantry.middleware.TenantMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "wagtail.contrib.redirects.middleware.RedirectMiddleware",
]
ROOT_URLCONF = "tests.acceptance.wagtail_project.urls"
CACHES = {
    "default": {  # Wagtail caches its sites' URLs
        "BACKEND": "tenantry.scopes.cache.TenantCache",
        "OPTIONS": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }
}
WAGTAIL_SITE_NAME = "Acceptance"
WAGTAILADMIN_BASE_URL = "http://example.com"
TENANTRY = {
    **TENANTRY,
    "SHARED_APPS": ["customers"],
    "TENANT_APPS": [
        "pages",
        "wagtailforms",
        "wagtailredirects",
        "wagtailembeds",
        "wagtailsites",
        "wagtailusers",
        "wagtailsnippets",
        "wagtaildocs",
        "wagtailimages",
        "wagtailsearch",
        "wagtailadmin",
        "wagtailcore",
        "taggit",
        "admin",
        "auth",
        "contenttypes",
        "sessions",
    ],
    "SHARED_URLCONF": None,
}
