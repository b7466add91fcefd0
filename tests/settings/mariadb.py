"""Database isolation, MariaDB: a database per tenant."""

from tests.servers import mariadb
from tests.settings.base import *  # noqa: F403  (settings)
from tests.settings.base import tenantry

DATABASES = {"default": {**(mariadb() or {}), "NAME": "tenantry_mariadb"}}
TENANTRY = tenantry(
    "tenantry.isolation.DatabaseIsolation", NAME="test_tenantry_{key}", MAX_OPEN=20
)
SILENCED_SYSTEM_CHECKS = ["models.W036", "models.W045"]
