"""Schema isolation, PostgreSQL, with psycopg's pool of connections."""

from tests.settings.schema import *  # noqa: F403  (settings)
from tests.settings.schema import DATABASES

DATABASES["default"]["OPTIONS"] = {"pool": {"min_size": 1, "max_size": 3}}
