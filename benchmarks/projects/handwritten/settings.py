"""Plain Django, with a tenant column and `filter(tenant_key=...)` written by hand."""

from ordinary_settings import *  # noqa: F403
from ordinary_settings import APPS, SALES_APPS, postgresql

DATABASES = postgresql("django.db.backends.postgresql")
INSTALLED_APPS = [*APPS, *SALES_APPS]
