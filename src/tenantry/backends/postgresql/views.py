"""For row tenants a materialized view is made as an ordinary one.

PostgreSQL knows no policy on a materialized view: it holds the rows of the tenant that
was in force when it was refreshed, and shows them to all. An ordinary view reads the
tables for whom it is asked by, so it needs neither refreshing nor an index of its own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.backends.postgresql.conflict import NAME, TOKEN, end_of_comment

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.backends.postgresql.base import DatabaseWrapper

INVOKER_POSTGRESQL = 150000
FULL_NAME = rf"{NAME}(?:\s*\.\s*{NAME})?"
LEAD = r"(?P<lead>(?>\s|--[^\n]*\n|/\*.*?\*/)*+)"
FLAGS = re.IGNORECASE | re.VERBOSE | re.DOTALL
MAYBE = re.compile(r"\bmaterialized\s+view\b|\bcreate\s+(?:unique\s+)?index\b", FLAGS)
CREATE = re.compile(
    rf"""{LEAD}create\s+materialized\s+view\s+(?P<gently>if\s+not\s+exists\s+)?
    (?P<name>{FULL_NAME})\s*(?P<columns>\([^)]*\))?\s*
    (?:using\s+{NAME}\s*)?(?:with\s*\([^)]*\)\s*)?(?:tablespace\s+{NAME}\s*)?
    as\b(?P<query>.*?)(?:\bwith\s+(?:no\s+)?data\s*)?$""",
    FLAGS,
)
REFRESH = re.compile(
    rf"{LEAD}refresh\s+materialized\s+view\s+(?:concurrently\s+)?(?P<name>{FULL_NAME})",
    FLAGS,
)
OTHER = re.compile(
    rf"(?P<verb>{LEAD}(?:drop|alter|comment\s+on))\s+materialized\s+view\b", FLAGS
)
INDEX = re.compile(
    rf"""{LEAD}create\s+(?:unique\s+)?index\s+(?:concurrently\s+)?
    (?:if\s+not\s+exists\s+)?(?:(?!on\s){NAME}\s+)?on\s+(?P<name>{FULL_NAME})""",
    FLAGS,
)
NOTHING = "SELECT WHERE false"


def as_ordinary(text: str, connection: DatabaseWrapper) -> str:
    """Return the SQL with its materialized views made ordinary ones."""
    if MAYBE.search(text) is None:
        return text
    return ";".join(_ordinary(each, connection) for each in apart(text))


def _ordinary(text: str, connection: DatabaseWrapper) -> str:
    """Return one statement as `as_ordinary` does."""
    if found := CREATE.match(text):
        verb = "CREATE OR REPLACE VIEW" if found["gently"] else "CREATE VIEW"
        invoker = connection.pg_version >= INVOKER_POSTGRESQL
        return (
            f"{found['lead']}{verb} {found['name']} {found['columns'] or ''}"
            f"{' WITH (security_invoker = true)' if invoker else ''}"
            f" AS{found['query']}"
        )
    if found := REFRESH.match(text):
        return f"{found['lead']}SELECT FROM {found['name']} LIMIT 0"
    if (found := INDEX.match(text)) and connection.is_view(found["name"]):
        return f"{found['lead']}{NOTHING}"
    if found := OTHER.match(text):
        return f"{found['verb']} VIEW{text[found.end() :]}"
    return text


def apart(text: str) -> Iterator[str]:
    """Yield the statements of a script, without the semicolons between them."""
    start = position = 0
    while True:
        token = TOKEN.search(text, position)
        end = text.find(";", position, token.start() if token else len(text))
        if end >= 0:
            yield text[start:end]
            start = position = end + 1
        elif token is None:
            yield text[start:]
            return
        elif token["comment"]:
            position = end_of_comment(text, token.end())
        else:
            position = token.end()
