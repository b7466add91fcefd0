"""Seams of objects used as values: only their bare keys would reach the database."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.db.models import Model, QuerySet, query
from django.db.models import fields as model_fields
from django.db.models.fields import related, related_descriptors, related_lookups

from tenantry import guards, pointers
from tenantry.seams.substitution import seam, wrap


@seam
def objects_used_as_values_are_checked() -> None:
    """`filter(author=a)`, `update(author=a)`: only `a.pk` reaches the database."""

    def get_normalized_value(original: Any, value: Any, lhs: Any) -> Any:
        if isinstance(value, Model):
            guards.require_object(value)
        return original(value, lhs)

    def prepare_database_save(original: Any, self: Any, field: Any) -> Any:
        guards.require_object(self)
        return original(self, field)

    wrap(related_lookups, "get_normalized_value", get_normalized_value)
    wrap(Model, "prepare_database_save", prepare_database_save)


@seam
def objects_made_into_filters_are_checked() -> None:
    """`get_next_in_order()` and `set_book_order()` filter by the object's bare keys."""

    def kwargs_of(original: Any, self: Any, obj: Any) -> Any:
        guards.require_object(obj)
        return original(self, obj)

    owners: list[Any] = [model_fields.Field, related.RelatedField]
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields as generic  # noqa: PLC0415

        owners.append(generic.GenericForeignKey)
    for owner in owners:
        for name in ("get_filter_kwargs_for_object", "get_forward_related_filter"):
            if name in vars(owner):
                wrap(owner, name, kwargs_of)


@seam
def objects_given_to_querysets_are_checked() -> None:
    """`contains(obj)`, `bulk_update(objs)`, `bulk_create(objs)` send bare keys."""

    def contains(original: Any, self: Any, obj: Any) -> Any:
        guards.require_object(obj)
        if self._result_cache is not None:
            guards.require_results(self)
        return original(self, obj)

    def bulk(original: Any, self: Any, objs: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(objs, list | tuple):  # Django returns an empty one as given
            objs = list(objs)
        guards.require_objects(objs)
        pointers.require_targets(objs)
        return original(self, objs, *args, **kwargs)

    wrap(QuerySet, "contains", contains)
    wrap(QuerySet, "bulk_update", bulk)
    wrap(QuerySet, "bulk_create", bulk)


@seam
def shared_rows_are_not_turned_to_tenants_objects() -> None:
    """`update(content_type=…)` saves no object."""

    def update(original: Any, self: Any, **kwargs: Any) -> Any:
        pointers.require_update(self.model, kwargs)
        return original(self, **kwargs)

    wrap(QuerySet, "update", update)


@seam
def objects_given_to_related_managers_are_checked() -> None:
    """`remove(obj)` and `set(objs)` compare bare keys and ask no router.

    Nor does a manager that was told its alias, for the object that it is of.
    """

    def rows_of(original: Any, self: Any, queryset: Any) -> Any:
        guards.require_object(self.instance)
        return original(self, queryset)

    def several(original: Any, self: Any, *objs: Any, **kwargs: Any) -> Any:
        guards.require_objects(objs)
        return original(self, *objs, **kwargs)

    def whole(original: Any, self: Any, objs: Any, **kwargs: Any) -> Any:
        objs = tuple(objs)
        guards.require_objects(objs)
        return original(self, objs, **kwargs)

    def create_manager(original: Any, *args: Any, **kwargs: Any) -> Any:
        manager = original(*args, **kwargs)
        for name, around in (
            ("_apply_rel_filters", rows_of),
            ("add", several),
            ("remove", several),
            ("set", whole),
            ("set_base", whole),  # by fixtures, from Django 6.1 on
        ):
            if name in manager.__dict__:
                wrap(manager, name, around)
        return manager

    wrap(related_descriptors, "create_reverse_many_to_one_manager", create_manager)
    wrap(related_descriptors, "create_forward_many_to_many_manager", create_manager)
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields  # noqa: PLC0415  (has models)

        wrap(fields, "create_generic_related_manager", create_manager)


@seam
def prefetched_objects_are_checked() -> None:
    """Django shows the router the first of the objects only."""

    def prefetch(original: Any, instances: Any, *args: Any, **kwargs: Any) -> Any:
        guards.require_objects(instances)
        return original(instances, *args, **kwargs)

    wrap(query, "prefetch_one_level", prefetch)
