"""Qualifies names in statements that refuse a transaction: `CREATE INDEX CONCURRENTLY`.

They cannot carry their tenant, so PostgreSQL would look their table up in the session's
own path, which leads to no tenant.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.isolation.identifiers import quote

if TYPE_CHECKING:
    from tenantry.backends.postgresql.base import DatabaseWrapper

NAME = r"""(?:"(?:[^"]|"")+"|[^\W\d][\w$]*)"""
OPTION = r"(?:full|freeze|verbose|analyze)\b"
HEAD = re.compile(
    rf"""(?>\s|--[^\n]*\n|/\*.*?\*/)*+
    (?:create\s+(?:unique\s+)?index\s+concurrently\s+(?:if\s+not\s+exists\s+)?
        (?:(?!on\s){NAME}\s+)?on\s+(?:only\s+)?
      |drop\s+index\s+concurrently\s+(?:if\s+exists\s+)?
      |reindex\s+(?:\([^)]*\)\s*)?(?:index|table)\s+(?:concurrently\s+)?
      |vacuum\s+(?:\([^)]*\)\s*|{OPTION}\s+)*(?!{OPTION})
      |cluster\s+(?:verbose\s+)?)
    (?={NAME})""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)
NAMES = re.compile(rf"{NAME}(?:\s*[.,]\s*{NAME})*")
WHOLE = re.compile(rf"{NAME}(?P<more>\s*\.\s*{NAME})*")


def qualified(text: str, connection: DatabaseWrapper) -> str:
    """Return the statement, its tables or indexes named with the schema they are in.

    A name that has a schema keeps it; one that is found nowhere stays as it is. So does
    a statement of another sort.
    """
    head = HEAD.match(text)
    names = head and NAMES.match(text, head.end())
    if not head or not names:
        return text

    def whole(name: re.Match[str]) -> str:
        schema = None if name["more"] else connection.schema_of(name[0])
        return name[0] if schema is None else f"{quote(schema)}.{name[0]}"

    within = WHOLE.sub(whole, names[0])
    return text[: names.start()] + within + text[names.end() :]
