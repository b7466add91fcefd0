"""Schema isolation, PostgreSQL."""

from tests.servers import postgres
from tests.settings.base import *  # noqa: F403  (settings)
from tests.settings.base import tenantry

DATABASES = {
    "default": {
        **(postgres() or {}),
        "ENGINE": "tenantry.backends.postgresql",
        "NAME": "tenantry_schema",
    }
}
TENANTRY = tenantry("tenantry.isolation.SchemaIsolation")
