"""Makes extensions where every tenant's path leads, not in one tenant's schema.

A database has an extension once: made in a tenant's schema, its types would go when
that tenant goes, and no other would find them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tenantry.backends.postgresql.conflict import NAME
from tenantry.backends.postgresql.views import apart
from tenantry.isolation.identifiers import quote

if TYPE_CHECKING:
    from tenantry.backends.postgresql.base import DatabaseWrapper

MAYBE = re.compile(r"\bcreate\s+extension\b", re.IGNORECASE)
CREATE = re.compile(
    rf"(?P<create>(?:\s|--[^\n]*\n)*create\s+extension\s+(?:if\s+not\s+exists\s+)?"
    rf"(?P<name>{NAME}))(?P<rest>(?!.*\bschema\b).*)",
    re.IGNORECASE | re.DOTALL,
)
# Some must be in a schema that they name themselves.
ELSEWHERE = (
    "SELECT 1 FROM pg_available_extension_versions WHERE name = %s AND schema > ''"
)


def for_everyone(text: str, connection: DatabaseWrapper) -> str:
    """Return the SQL, the extensions that it makes in the schema of extensions."""
    if MAYBE.search(text) is None:
        return text
    return ";".join(_for_everyone(each, connection) for each in apart(text))


def _for_everyone(text: str, connection: DatabaseWrapper) -> str:
    """Return one statement as `for_everyone` does."""
    found = CREATE.match(text)
    if found is None:
        return text
    name = found["name"]
    plain = name[1:-1].replace('""', '"') if name[0] == '"' else name.lower()
    with connection.cursor() as cursor:
        cursor.execute(ELSEWHERE, [plain])
        if cursor.fetchone() is not None:
            return text
    rest = re.sub(r"^\s*with\b", "", found["rest"], flags=re.IGNORECASE)
    schema = quote(connection.extension_schema)
    return f"{found['create']} WITH SCHEMA {schema}{rest}"
