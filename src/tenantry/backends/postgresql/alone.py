"""Qualifies names in statements that refuse a transaction: `CREATE INDEX CONCURRENTLY`.

They cannot carry their tenant, so PostgreSQL would look their table up in the session's
own path, which leads to no tenant.
"""

from __future__ import annotations

import re

from tenantry.isolation.identifiers import quote

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


def qualified(text: str, schema: str) -> str:
    """Return the statement, its tables or indexes named with the schema they are in.

    Names that have a schema keep it. A statement of another sort is returned as it is.
    """
    head = HEAD.match(text)
    names = head and NAMES.match(text, head.end())
    if not head or not names:
        return text
    within = WHOLE.sub(
        lambda name: name[0] if name["more"] else f"{quote(schema)}.{name[0]}", names[0]
    )
    return text[: names.start()] + within + text[names.end() :]
