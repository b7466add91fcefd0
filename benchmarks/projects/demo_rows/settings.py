"""The demo, with all tenants in one set of tables: what a new tenant costs."""

import os

from ordinary_settings import postgresql

from tenantry.demo.settings import *  # noqa: F403
from tenantry.demo.settings import TENANTRY

DATABASES = postgresql("tenantry.backends.postgresql")
DATABASES["owner"] = DATABASES["default"] | {"USER": os.environ["BENCH_OWNER"]}
TENANTRY = {name: value for name, value in TENANTRY.items() if name != "ISOLATION"} | {
    "PLACEMENTS": {
        "default": {
            "BACKEND": "tenantry.isolation.RowIsolation",
            "OPTIONS": {"OWNER_DATABASE": "owner"},
        }
    }
}
