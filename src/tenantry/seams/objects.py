"""Seams of objects: saved, read, validated and deleted where they belong."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, deletion

from tenantry import guards, pointers
from tenantry.seams.substitution import seam, wrap


@seam
def objects_are_saved_where_they_belong() -> None:
    """`save(using=...)` and fixtures name an alias, so the router is not asked."""

    def save_base(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        guards.require_object(self)
        pointers.require_target(self)
        using = kwargs.get("using")
        if using is not None:
            kwargs["using"] = guards.resolve_alias(type(self), using)
        return original(self, *args, **kwargs)

    wrap(Model, "save_base", save_base)


@seam
def objects_are_refreshed_where_they_belong() -> None:
    """`refresh_from_db(from_queryset=...)` asks another QuerySet for the bare key."""

    def refresh_from_db(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        guards.require_object(self)
        original(self, *args, **kwargs)

    wrap(Model, "refresh_from_db", refresh_from_db)


@seam
def objects_are_validated_where_they_belong() -> None:
    """`validate_unique()` looks for the object's values in whatever is active."""

    def validate_unique(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        guards.require_object(self)
        original(self, *args, **kwargs)

    wrap(Model, "validate_unique", validate_unique)


@seam
def objects_are_deleted_where_they_belong() -> None:
    """`delete(using=...)` names an alias as well."""

    def init(
        original: Any, self: Any, using: str, origin: Any = None, **kwargs: Any
    ) -> None:
        model = getattr(origin, "model", None) or type(origin)
        if isinstance(origin, Model):
            guards.require_object(origin)
        if hasattr(model, "_meta"):
            using = guards.resolve_alias(model, using)
        original(self, using=using, origin=origin, **kwargs)

    wrap(deletion.Collector, "__init__", init)
