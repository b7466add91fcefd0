"""SQL that is longer than a line, by name: `statements("row")["support"]`."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

NAME = re.compile(r"^-- name: (\w+)\n", re.MULTILINE)


@cache
def statements(file: str) -> dict[str, str]:
    """Return the statements of a file of this folder, by the name above each."""
    text = (files(__name__) / f"{file}.sql").read_text(encoding="utf-8")
    parts = NAME.split(text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))
