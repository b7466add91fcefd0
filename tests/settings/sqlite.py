"""Database isolation, SQLite: a file per tenant."""

import tempfile
from pathlib import Path

from tests.settings.base import *  # noqa: F403  (settings)
from tests.settings.base import tenantry

FOLDER = Path(tempfile.mkdtemp(prefix="tenantry-tests-"))
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": FOLDER / "shared.sqlite3",
        "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
        "TEST": {"NAME": FOLDER / "test.sqlite3"},
    }
}
TENANTRY = tenantry(
    "tenantry.isolation.DatabaseIsolation", DIRECTORY=FOLDER / "tenants"
)
