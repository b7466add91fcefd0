"""Raw SQL that defines keys of row tenants' tables gets the tenant in front of them.

Rows are there when it runs, so that mending afterwards would be too late: a unique
index over all tenants' rows cannot even be made.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.backends.postgresql.conflict import NAME
from tenantry.isolation.tables import KEY

if TYPE_CHECKING:
    from tenantry.backends.postgresql.base import DatabaseWrapper

FLAGS = re.IGNORECASE | re.VERBOSE | re.DOTALL
FULL_NAME = rf"{NAME}(?:\s*\.\s*{NAME})?"
LEAD = r"(?>\s|--[^\n]*\n|/\*.*?\*/)*+"
COLUMNS = rf"\(\s*(?!\"?{KEY}\b)"
INDEX = re.compile(
    rf"""{LEAD}create\s+(?:unique\s+)?index\s+(?:concurrently\s+)?
    (?:if\s+not\s+exists\s+)?(?:(?!on\s){NAME}\s+)?on\s+(?:only\s+)?
    (?P<table>{FULL_NAME})\s*(?:using\s+btree\s*)?{COLUMNS}""",
    FLAGS,
)
ALTER = re.compile(
    rf"{LEAD}alter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?(?P<table>{FULL_NAME})",
    FLAGS,
)
CONSTRAINT = re.compile(
    rf"""\b(?:unique(?:\s+nulls\s+(?:not\s+)?distinct)?|primary\s+key)\s*{COLUMNS}
    |\bforeign\s+key\s*{COLUMNS}(?P<here>[^)]*\)\s*references\s+(?P<there>{FULL_NAME})\s*)
        {COLUMNS}""",
    FLAGS,
)
FIRST = f'"{KEY}", '


def within_tenants(text: str, connection: DatabaseWrapper) -> str:
    """Return a statement that defines keys or indexes, of each tenant's rows apart."""
    if (found := INDEX.match(text)) and connection.holds_tenants(found["table"]):
        return text[: found.end()] + FIRST + text[found.end() :]
    if (found := ALTER.match(text)) and connection.holds_tenants(found["table"]):

        def first(constraint: re.Match[str]) -> str:
            there = constraint["there"]
            if there is None:
                return constraint[0] + FIRST
            if not connection.holds_tenants(there):
                return constraint[0]
            head = constraint[0][: constraint.start("here") - constraint.start()]
            return f"{head}{FIRST}{constraint['here']}({FIRST}"

        return CONSTRAINT.sub(first, text)
    return text
