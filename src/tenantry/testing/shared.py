"""Empties the shared database after a test, but for what tenants hang on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.management.color import no_style
from django.core.management.sql import emit_post_migrate_signal
from django.db import connections

from tenantry.catalog.registry import registry
from tenantry.context import override_tenant

if TYPE_CHECKING:
    from django.db.models import Model


def empty_shared(alias: str, *, announce: bool = True) -> None:
    """Remove all rows of a database's shared tables; the catalog's stay.

    With *announce*, `post_migrate` is sent, which makes content types and permissions.
    """
    with override_tenant(None):
        _empty(alias)
        if announce:
            emit_post_migrate_signal(verbosity=0, interactive=False, db=alias)


def _empty(alias: str) -> None:
    kept = catalog_tables()
    connection = connections[alias]
    names = connection.introspection.django_table_names(
        only_existing=True, include_views=False
    )
    tables = [name for name in names if name not in kept]
    sql = connection.ops.sql_flush(no_style(), tables)
    if sql:
        connection.ops.execute_sql_flush(sql)


def catalog_tables() -> set[str]:
    """Return the catalog's tables, and those that its rows refer to."""
    waiting: list[type[Model]] = [
        *apps.get_app_config("tenantry").get_models(),
        registry.tenant_model,
        *([registry.domain_model] if registry.domain_model is not None else []),
    ]
    found: dict[type[Model], str] = {}
    while waiting:
        model = waiting.pop()
        if model not in found:
            found[model] = model._meta.db_table
            waiting += _referred_to(model)
    return set(found.values())


def _referred_to(model: Any) -> list[type[Model]]:
    return [
        field.remote_field.model
        for field in model._meta.concrete_fields
        if field.remote_field is not None
    ]
