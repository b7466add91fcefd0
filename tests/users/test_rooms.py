"""The package says what is where, and forgets nothing."""

import re
from pathlib import Path

from tenantry import users

FOLDER = Path(users.__file__).parent


def test_each_module_is_named_once():
    named = re.findall(r"`(\w+)`", users.__doc__)
    there = {path.stem for path in FOLDER.iterdir()} - {
        "__init__",
        "__pycache__",
        "migrations",
    }
    assert sorted(named) == sorted(there)
