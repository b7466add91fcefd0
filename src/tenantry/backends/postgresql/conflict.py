"""`ON CONFLICT (sku)` on a row tenant's table means: of the tenant's rows.

The unique key there is `(tenantry_key, sku)`, which PostgreSQL wants named in full. The
statement may be Django's or anybody's raw SQL: it is read token by token, so that
nothing inside a text, a quoted name or a comment is taken for SQL.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from psycopg import sql

from tenantry.isolation.tables import KEY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.backends.postgresql.base import DatabaseWrapper

MAYBE = re.compile(r"\bon\s+conflict\b", re.IGNORECASE)
NAME = r"""(?:"(?:[^"]|"")*"|[^\W\d][\w$]*)"""
TOKEN = re.compile(
    rf"""
    (?P<comment>/\*)
    | --[^\n]*
    | (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*'
    | (?<![\w$])\$(?P<tag>(?:[^\W\d]\w*)?)\$.*?\$(?P=tag)\$
    | \binsert\s+into\s+(?P<table>{NAME}(?:\s*\.\s*{NAME})*)
    | (?P<target>\bon\s+conflict\s*\()
    | "(?:[^"]|"")*"
    """,
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
EDGE = re.compile(r"/\*|\*/")


def within_tenant(query: Any, connection: DatabaseWrapper) -> Any:
    """Return the statement with the tenant in its conflict targets, if it has any."""
    text = as_text(query, connection)
    # Of each statement, so the cheapest question first.
    if text is None or "conflict" not in text.lower() or MAYBE.search(text) is None:
        return query
    pieces, end = [], 0
    for position, table in targets(text):
        if connection.holds_tenants(table):
            pieces += [text[end:position], f'"{KEY}", ']
            end = position
    return "".join([*pieces, text[end:]]) if pieces else query


def as_text(query: Any, connection: DatabaseWrapper) -> str | None:
    """Return the statement as text; None for what is none."""
    if isinstance(query, bytes):
        return query.decode()
    if isinstance(query, sql.Composable):
        return query.as_string(connection.connection)
    return query if isinstance(query, str) else None


def targets(text: str) -> Iterator[tuple[int, str]]:
    """Yield where the columns of each conflict target begin, and of which table."""
    table, position = "", 0
    while found := TOKEN.search(text, position):
        position = found.end()
        if found["comment"]:
            position = end_of_comment(text, position)
        elif found["table"]:
            table = found["table"]
        elif found["target"] and table:
            yield position, table


def end_of_comment(text: str, position: int) -> int:
    """Return where a comment ends that may hold others, as PostgreSQL allows."""
    depth = 1
    while depth and (found := EDGE.search(text, position)):
        depth += 1 if found[0] == "/*" else -1
        position = found.end()
    return position if not depth else len(text)
