"""Oscar as its documentation sets it up, with tenantry's settings beside."""

from oscar import INSTALLED_APPS as OSCAR_APPS
from oscar.defaults import *  # noqa: F403  (Oscar's own defaults)

from tests.settings.project import *  # noqa: F403  (settings)
from tests.settings.project import TEMPLATES, TENANTRY

INSTALLED_APPS = [
    "tenantry",
    "tests.customers",
    *OSCAR_APPS,
    "sorl.thumbnail",
]
MIDDLEWARE = [
    "tenantry.middleware.TenantMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "oscar.apps.basket.middleware.BasketMiddleware",
    "django.contrib.flatpages.middleware.FlatpageFallbackMiddleware",
]
AUTHENTICATION_BACKENDS = [
    "oscar.apps.customer.auth_backends.EmailBackend",
    "django.contrib.auth.backends.ModelBackend",
]
TEMPLATES[0]["OPTIONS"]["context_processors"] += [
    "oscar.apps.search.context_processors.search_form",
    "oscar.apps.checkout.context_processors.checkout",
    "oscar.apps.communication.notifications.context_processors.notifications",
    "oscar.core.context_processors.metadata",
]
ROOT_URLCONF = "tests.acceptance.oscar_project.urls"
CACHES = {
    "default": {
        "BACKEND": "tenantry.scopes.cache.TenantCache",
        "OPTIONS": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    }
}
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
HAYSTACK_CONNECTIONS = {
    "default": {"ENGINE": "haystack.backends.simple_backend.SimpleEngine"}
}
SITE_ID = 1
OSCAR_CATALOGUE_USE_POSTGRES_MATERIALISED_VIEWS = True
TENANTRY = {
    **TENANTRY,
    "SHARED_APPS": ["customers"],
    "TENANT_APPS": [
        "admin",
        "auth",
        "contenttypes",
        "sessions",
        "sites",
        "flatpages",
        "address",
        "analytics",
        "basket",
        "catalogue",
        "communication",
        "customer",
        "offer",
        "order",
        "partner",
        "payment",
        "reviews",
        "shipping",
        "thumbnail",
        "voucher",
        "wishlists",
    ],
    "SHARED_URLCONF": None,
}
