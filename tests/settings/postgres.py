"""Database isolation, PostgreSQL: a database per tenant."""

from tests.servers import postgres
from tests.settings.base import *  # noqa: F403  (settings)
from tests.settings.base import tenantry

DATABASES = {
    "default": {
        **(postgres() or {}),
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "tenantry_database",
    }
}
TENANTRY = tenantry(
    "tenantry.isolation.DatabaseIsolation", NAME="test_tenantry_{key}", MAX_OPEN=20
)
