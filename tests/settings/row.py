"""Row isolation, PostgreSQL: one role serves, another owns the tables."""

from tests.servers import postgres_roles
from tests.settings.base import *  # noqa: F403  (settings)
from tests.settings.base import tenantry

ROLES = postgres_roles() or {"serving": {}, "owner": {}}
DATABASES = {
    "default": {**ROLES["serving"], "NAME": "tenantry_row"},
    "owner": {**ROLES["owner"], "NAME": "tenantry_row"},
}
TENANTRY = tenantry("tenantry.isolation.RowIsolation", OWNER_DATABASE="owner")
