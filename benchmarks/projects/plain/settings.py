"""Plain Django, one customer: what the others are measured against."""

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, postgresql

DATABASES = postgresql("django.db.backends.postgresql")
INSTALLED_APPS = APPS
