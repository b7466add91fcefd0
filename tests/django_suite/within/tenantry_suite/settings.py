"""The settings that Django's suite asks for, and in the other modes those of tenantry.

What is shared among the modes is as in the suite's own `test_sqlite.py`.
"""

import json
import os

MODE = os.environ["TENANTRY_SUITE_MODE"]
DATABASE = json.loads(os.environ["TENANTRY_SUITE_DATABASE"])
ISOLATED = {
    "schema": "tenantry.isolation.SchemaIsolation",
    # The suite makes and alters tables as it goes, so one plain role owns and serves.
    "row": "tenantry.isolation.RowIsolation",
}
CATALOG = "tenantry_suite_catalog"


def database(alias):
    return {**DATABASE, "NAME": f"django_suite_{MODE}_{alias}"}


DATABASES = {alias: database(alias) for alias in ("default", "other")}
SECRET_KEY = "django_tests_secret_key"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
USE_TZ = False
TEST_RUNNER = "tenantry_suite.runner.Runner"

if MODE != "django":
    for each in DATABASES.values():
        each["ENGINE"] = "tenantry.backends.postgresql"
    DATABASE_ROUTERS = ["tenantry.routers.TenantRouter"]
    TENANTRY = {
        "TENANT_MODEL": f"{CATALOG}.Tenant",
        "SHARED_APPS": [CATALOG],
        "PLACEMENTS": {
            "default": {
                "BACKEND": ISOLATED.get(MODE, "tenantry.isolation.SchemaIsolation")
            }
        },
        "RESOLVERS": [
            {
                "BACKEND": "tenantry.routing.SubdomainResolver",
                "OPTIONS": {"BASE": "example.com"},
            }
        ],
    }
