"""A system check of shared rows that point at objects of tenants, from before."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.db import DEFAULT_DB_ALIAS, connections

from tenantry.conf import Problem
from tenantry.context import override_tenant
from tenantry.pointers import is_of_tenants, shared_pointers

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_pointers() -> Iterator[Problem]:
    """Yield the shared rows that would be of objects of all tenants; asks for them.

    None can be written; some may be there from before the project had tenants.
    """
    with override_tenant(None):
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            tables = set(connection.introspection.table_names(cursor))
        for model, name in shared_pointers():
            if model._meta.db_table not in tables:
                continue
            labels = model._base_manager.values_list(
                f"{name}__app_label", f"{name}__model"
            )
            for (app, target), number in sorted(Counter(labels).items()):
                if app is not None and is_of_tenants(app):
                    yield Problem(
                        "W102",
                        f"{number} rows of {model._meta.label}, which is shared, point "
                        f"at {app}.{target}, which each tenant has its own of: in a "
                        "tenant they are read as of its objects of the same keys.",
                        f"Delete them, or put {model._meta.app_label!r} in "
                        "TENANT_APPS only.",
                    )
