"""The tables of the project's models."""

from __future__ import annotations

from django.apps import apps


def tables_of(labels: frozenset[str]) -> list[str]:
    """Return the tables of the managed models of these apps, of relations too."""
    return [
        model._meta.db_table
        for config in apps.get_app_configs()
        if config.label in labels
        for model in config.get_models(include_auto_created=True)
        if model._meta.managed and not model._meta.proxy
    ]
