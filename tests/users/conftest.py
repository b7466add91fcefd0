"""The folders are collected where the settings have their arrangement of people.

Files of this folder are collected with the settings of the other tests. `test_users.py`
one floor up runs each folder on each engine.
"""

from pathlib import Path

import pytest
from django.conf import settings
from django.core.cache import cache

ARRANGEMENT = getattr(settings, "ARRANGEMENT", None)
HERE = Path(__file__).parent
if ARRANGEMENT is None:
    collect_ignore = ["members", "confined", "both", "two_models"]
else:
    collect_ignore = [
        path.name
        for path in HERE.iterdir()
        if path.name.startswith("test_")
        or (path.is_dir() and path.name not in (ARRANGEMENT, "__pycache__"))
    ]


@pytest.fixture(autouse=True)
def clean_cache():
    """Leave nothing that one test has cached to the next."""
    yield
    cache.clear()
