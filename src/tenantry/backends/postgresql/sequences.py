"""`setval(...)` raises a sequence that row tenants share, and never lowers it.

By it a script or a migration sets a sequence to what its own rows have reached; another
tenant's may have come further, and its next rows would collide.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tenantry.backends.postgresql.conflict import TOKEN, as_text, end_of_comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.backends.postgresql.base import DatabaseWrapper

PART = re.compile(
    rf"{TOKEN.pattern}|(?P<setval>\b(?:pg_catalog\s*\.\s*)?setval\s*(?=\())",
    TOKEN.flags,
)


def only_raised(query: Any, connection: DatabaseWrapper) -> Any:
    """Return the statement with its sequences raised where it sets them."""
    text = as_text(query, connection)
    # Of each statement, so the cheapest question first.
    if text is None or "setval" not in text.lower():
        return query
    pieces, end = [], 0
    for start, stop in settings(text):
        pieces += [text[end:start], "tenantry.raise_sequence"]
        end = stop
    return "".join([*pieces, text[end:]]) if pieces else query


def settings(text: str) -> Iterator[tuple[int, int]]:
    """Yield where each `setval` is."""
    position = 0
    while found := PART.search(text, position):
        position = found.end()
        if found["comment"]:
            position = end_of_comment(text, position)
        elif found["setval"]:
            yield found.span()
