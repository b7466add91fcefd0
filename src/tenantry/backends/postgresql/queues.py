"""A worker's claim, `id IN (SELECT ... LIMIT 1 FOR UPDATE SKIP LOCKED)`, is asked once.

Whether PostgreSQL asks it once or for each row is the planner's choice. A key that is
unique makes it choose once; on row tenants' tables a key is unique only beside the
tenant, and small tables then have the claim asked for each row, with another answer
each time. As an array, which means the same, it is asked once always.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from tenantry.backends.postgresql.conflict import TOKEN, as_text, end_of_comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.backends.postgresql.base import DatabaseWrapper

MAYBE = re.compile(r"\bskip\s+locked\b", re.IGNORECASE)
PART = re.compile(
    rf"{TOKEN.pattern}|(?P<not>\bnot\s+in\b)|(?P<in>\bin\s*\(\s*(?=select\b))"
    r"|(?P<open>\()|(?P<close>\))",
    TOKEN.flags,
)


def asked_once(query: Any, connection: DatabaseWrapper) -> Any:
    """Return the statement with its claims as arrays, if it has any."""
    text = as_text(query, connection)
    # Of each statement, so the cheapest question first.
    if text is None or "locked" not in text.lower() or MAYBE.search(text) is None:
        return query
    pieces, end = [], 0
    for start, inner, close in claims(text):
        pieces += [text[end:start], "= ANY (ARRAY(", text[inner:close], "))"]
        end = close + 1
    return "".join([*pieces, text[end:]]) if pieces else query


def claims(text: str) -> Iterator[tuple[int, int, int]]:
    """Yield of each claim where it starts, where its SELECT does, and where it ends."""
    opened: list[tuple[int, int] | None] = []
    position = 0
    while found := PART.search(text, position):
        position = found.end()
        if found["comment"]:
            position = end_of_comment(text, position)
        elif found["in"]:
            one_column = not text[: found.start()].rstrip().endswith(")")
            opened.append((found.start(), found.end()) if one_column else None)
        elif found["open"] or found["target"]:
            opened.append(None)
        elif found["close"] and opened:
            claim = opened.pop()
            inner = claim and MAYBE.search(text, claim[1], found.start())
            if claim and inner and not any(opened):
                yield *claim, found.start()
