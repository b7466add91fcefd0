"""Names of schemas, databases and files: rendered, validated, quoted."""

from __future__ import annotations

import re

from tenantry.exceptions import InvalidIdentifier

KEY = re.compile(r"[a-z][a-z0-9_-]*\Z")
MAX_KEY_BYTES = 40
LOCATION = re.compile(r"[a-z][a-z0-9_-]*\Z")
POSTGRESQL_MAX_BYTES = 63
MYSQL_MAX_BYTES = 64


def validate_key(key: str) -> None:
    """Raise `InvalidIdentifier` unless the key can name a tenant for ever."""
    if not KEY.match(key):
        raise InvalidIdentifier(
            key, "a key is a letter a-z, followed by a-z, 0-9, '_' or '-'"
        )
    if len(key.encode()) > MAX_KEY_BYTES:
        raise InvalidIdentifier(key, f"a key has at most {MAX_KEY_BYTES} bytes")


def render(pattern: str, key: str, *, max_bytes: int) -> str:
    """Return the pattern with the key in it; refuse what an engine would change."""
    validate_key(key)
    try:
        name = pattern.format(key=key)
    except (KeyError, IndexError, ValueError):
        raise InvalidIdentifier(
            pattern, "OPTIONS['NAME'] may only hold text and '{key}'"
        ) from None
    if key not in name:
        raise InvalidIdentifier(pattern, "OPTIONS['NAME'] must hold '{key}'")
    if not LOCATION.match(name):
        raise InvalidIdentifier(
            name, "only a-z, 0-9, '_' and '-' are taken, and a letter first"
        )
    if len(name.encode()) > max_bytes:
        raise InvalidIdentifier(name, f"the engine cuts names at {max_bytes} bytes")
    return name


def quote(name: str) -> str:
    """Return the name as a quoted SQL identifier (PostgreSQL)."""
    if "\0" in name:
        raise InvalidIdentifier(name, "it holds a zero byte")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return the text as a SQL string (PostgreSQL, standard_conforming_strings)."""
    if "\0" in text or "\\" in text:
        raise InvalidIdentifier(text, "it holds a zero byte or a backslash")
    return "'" + text.replace("'", "''") + "'"


def quote_mysql(name: str) -> str:
    """Return the name as a quoted identifier of MySQL and MariaDB."""
    if "\0" in name:
        raise InvalidIdentifier(name, "it holds a zero byte")
    return "`" + name.replace("`", "``") + "`"
