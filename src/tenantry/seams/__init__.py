"""Every place where we substitute something of Django's, one function each.

Django asks the router in most places, and there the guards are ordinary router code.
What it does without asking is wrapped here. Each seam calls Django's own code and adds
a check or a tenant; `tests/test_seams.py` fails where Django changes one of them.
"""

from __future__ import annotations

from django.db import connections

from tenantry.connections import TenantConnections
from tenantry.seams import migrations, objects, places, querysets, values
from tenantry.seams.substitution import INSTALLED, SEAMS

__all__ = [
    "INSTALLED",
    "SEAMS",
    "install",
    "migrations",
    "objects",
    "places",
    "querysets",
    "values",
]


def install() -> None:
    """Substitute all of them, once."""
    if not isinstance(connections, TenantConnections):
        for each in SEAMS:
            each()
