"""What all settings of the tests have in common; each engine adds its databases."""

from importlib.util import find_spec

SECRET_KEY = "tests"
USE_TZ = True
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
ALLOWED_HOSTS = ["example.com"]
ROOT_URLCONF = "tests.urls"
STATIC_URL = "/static/"
INSTALLED_APPS = [
    "tenantry",
    "tests.customers",
    "tests.geo",
    "tests.shop",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
]
if find_spec("django.tasks") is None:  # Django 5.2 has them from a package
    INSTALLED_APPS += [
        "django_tasks",
        "tenantry.contrib.django_tasks.TenantTasksConfig",
    ]
MIDDLEWARE = [
    "tenantry.middleware.TenantMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]


def tenantry(isolation, **options):
    """Return the TENANTRY setting with one placement."""
    return {
        "TENANT_MODEL": "customers.Tenant",
        "DOMAIN_MODEL": "customers.Domain",
        "SHARED_APPS": ["customers", "geo", "contenttypes", "auth", "sessions"],
        "TENANT_APPS": ["contenttypes", "auth", "sessions", "admin", "shop"],
        "PLACEMENTS": {"default": {"BACKEND": isolation, "OPTIONS": options}},
        "RESOLVERS": ["tenantry.routing.DomainResolver"],
        "SHARED_URLCONF": "tests.urls_shared",
    }
