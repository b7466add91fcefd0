"""Plain Django: one customer's rows in a table of their own."""

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, SALES_APPS, postgresql

DATABASES = postgresql("django.db.backends.postgresql")
INSTALLED_APPS = [*APPS, *SALES_APPS]
