"""Every place where we substitute something of Django's, one function each.

Django asks the router in most places, and there the guards are ordinary router code.
What it does without asking is wrapped here. Each seam calls Django's own code and adds
a check or a tenant; `tests/test_seams.py` fails where Django changes one of them.
"""

from __future__ import annotations

from django.db import connections

from tenantry.conf import conf
from tenantry.connections import TenantConnections
from tenantry.seams import (
    admin,
    cache,
    commands,
    deletions,
    files,
    migrations,
    objects,
    passwords,
    places,
    querysets,
    redirects,
    relations,
    sessions,
    settings,
    sign_outs,
    signing,
    sites,
    staff,
    tasks,
    testing,
    values,
)
from tenantry.seams.substitution import INSTALLED, SCOPE_OF, SEAMS

__all__ = [
    "INSTALLED",
    "SCOPE_OF",
    "SEAMS",
    "admin",
    "cache",
    "commands",
    "deletions",
    "files",
    "install",
    "migrations",
    "objects",
    "passwords",
    "places",
    "querysets",
    "redirects",
    "relations",
    "sessions",
    "settings",
    "sign_outs",
    "signing",
    "sites",
    "staff",
    "tasks",
    "testing",
    "values",
]


def install() -> None:
    """Substitute all of them, once; of services, those whose scope is chosen."""
    if not isinstance(connections, TenantConnections):
        for each in SEAMS:
            scope = SCOPE_OF.get(each.__name__)
            if scope is None or conf.has_scope(scope):
                each()
