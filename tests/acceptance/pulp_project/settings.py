"""What Pulp is told by the file that PULP_SETTINGS names, beside its own settings."""

import json
import os
from pathlib import Path

GIVEN = json.loads(os.environ["TENANTRY_TEST_PROJECT"])
FOLDER = Path(GIVEN["MEDIA_ROOT"]).parent

SECRET_KEY = "tests"
CONTENT_ORIGIN = "http://example.com"
ANALYTICS = False
DB_ENCRYPTION_KEY = str(FOLDER / "key")
DEPLOY_ROOT = str(FOLDER)
MEDIA_ROOT = GIVEN["MEDIA_ROOT"]
WORKING_DIRECTORY = FILE_UPLOAD_TEMP_DIR = str(FOLDER / "tmp")
STATIC_ROOT = str(FOLDER / "static")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
DATABASES = GIVEN["DATABASES"]
DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
INSTALLED_APPS = ["tenantry", "tests.customers", "dynaconf_merge"]
MIDDLEWARE = [
    "tenantry.middleware.TenantMiddleware",
    "django_guid.middleware.guid_middleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "pulpcore.middleware.DomainMiddleware",
    "pulpcore.middleware.APIRootRewriteMiddleware",
    "pulpcore.middleware.ApiVersionMiddleware",
    "pulpcore.middleware.TaskProfilerMiddleware",
]
TENANTRY = {
    **GIVEN["TENANTRY"],
    "SHARED_APPS": ["customers"],
    "TENANT_APPS": ["auth", "contenttypes", "sessions", "core", "file", "certguard"],
    "SHARED_URLCONF": None,
}
