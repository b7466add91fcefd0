"""Sessions that know their tenant: by their key, whatever engine stores them.

A session's key ends in a mark of the tenant that it was made in, so that two tenants
never have the same one, whether they share a table, a cache or a folder. A key with
another's mark is no key: Django begins a new session, and reads and writes nothing.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.contrib.sessions.backends import db
from django.contrib.sessions.backends.base import VALID_KEY_CHARS

from tenantry import guards
from tenantry.conf import conf
from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from django.contrib.sessions.backends.base import SessionBase

SIGN = "t"  # stands before the mark; no hexadecimal key of an engine's own has it
RANDOM_LENGTH = 23
MARK_LENGTH = 16  # 82 bits: nobody finds a tenant's key that gives another one's mark
MARKED = re.compile(f"[0-9a-z]{{{RANDOM_LENGTH}}}{SIGN}[0-9a-z]{{{MARK_LENGTH}}}")
MOST = 10_000


@lru_cache(maxsize=MOST)
def _mark(tenant_key: str) -> str:
    """Return what the keys of a tenant's sessions end in; '' is the shared site."""
    number = int.from_bytes(sha256(f"tenantry.sessions:{tenant_key}".encode()).digest())
    digits = []
    for _ in range(MARK_LENGTH):
        number, digit = divmod(number, len(VALID_KEY_CHARS))
        digits.append(VALID_KEY_CHARS[digit])
    return "".join(digits)


def mark_of(store: SessionBase) -> str:
    """Return the mark of the tenant that the session object was made in.

    It stays with it: one made before the tenant was found is the shared site's, also
    while the request is answered in a tenant.
    """
    found: str | None = store.__dict__.get("_tenantry_mark")
    if found is None:
        tenant = ACTIVE.get()
        found = _mark("" if tenant is None else tenant.key)
        store.__dict__["_tenantry_mark"] = found
    return found


def marked(store: SessionBase, key: str) -> str:
    """Return a new key with the mark, made of one that Django has drawn."""
    return key[:RANDOM_LENGTH] + SIGN + mark_of(store)


def is_own(store: SessionBase, key: str) -> bool:
    """Whether the key may be one of the tenant that the session object was made in.

    Keys without a mark are from before there were marks, or an engine's own. They are
    the tenant's where its table is, which no other reads.
    """
    mark = mark_of(store)
    if MARKED.fullmatch(key):
        return key.endswith(mark)
    return _is_in_own_table(store)


def _is_in_own_table(store: Any) -> bool:
    """Whether the session is read from a table of the tenant's own, and not else."""
    if getattr(type(store), "load", None) is not db.SessionStore.load:
        return False
    label = store.get_model_class()._meta.app_label
    tenant = ACTIVE.get()
    kinds = conf.kinds if tenant is None else (tenant.kind,)
    return all(guards.sides[kind][label].tenants for kind in kinds)
