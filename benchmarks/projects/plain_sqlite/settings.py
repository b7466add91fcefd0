"""Plain Django on SQLite: what tests in tenants' files are measured against."""

import os
from pathlib import Path

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": Path(os.environ["BENCH_FOLDER"]) / "shared.sqlite3",
    }
}
INSTALLED_APPS = APPS
