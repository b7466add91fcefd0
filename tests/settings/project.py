"""Settings of a project that `tests/projects.py` drives in processes of its own."""

import json
import os

from tests.settings.base import *  # noqa: F403  (settings)

globals().update(json.loads(os.environ["TENANTRY_TEST_PROJECT"]))
