"""Schema isolation, PostgreSQL, with parameters bound by the server."""

from tests.settings.schema import *  # noqa: F403  (settings)
from tests.settings.schema import DATABASES

DATABASES["default"]["OPTIONS"] = {"server_side_binding": True}
