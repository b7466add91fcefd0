"""Shared rows that point by content type and key, at objects of any model.

Primary keys of tenants collide: a shared row that says "shop.Product 1" would be of the
product 1 of every tenant. So none may be written that points at a model of tenants.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import ForeignKey

from tenantry import guards
from tenantry.context import ACTIVE
from tenantry.exceptions import NotSupported

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.models import Model

KEPT = "_tenantry_pointer"
TYPES = "contenttypes"
KEYS = frozenset({"object_id", "object_pk"})
# Who did what, for people to read. Nothing is looked up by it but an object's history,
# and the admin shows none from a log of all tenants (check W080).
HARMLESS = frozenset({"admin.LogEntry"})


def pointer_of(model: type[Model]) -> str | None:
    """Return the field that says of which model the object is; None: it points at none.

    Asked at every save, so it is kept with the model.
    """
    found: str | None = vars(model).get(KEPT, KEPT)
    if found is KEPT:
        found = _pointer(model)
        setattr(model, KEPT, found)
    return found


def _pointer(model: type[Model]) -> str | None:
    meta = model._meta
    if meta.label in HARMLESS or meta.app_label == TYPES:
        return None
    types = {
        field.name: field.name
        for field in meta.concrete_fields
        if isinstance(field, ForeignKey) and _is_type(field.related_model)
    }
    generic = {getattr(field, "ct_field", None) for field in meta.private_fields}
    named = next((name for name in types if name in generic), None)
    if named is None and KEYS.intersection(each.name for each in meta.concrete_fields):
        named = next(iter(types), None)
    return named


def _is_type(model: Any) -> bool:
    meta = getattr(model, "_meta", None)
    return meta is not None and meta.label_lower == "contenttypes.contenttype"


def is_guarded(model: type[Model]) -> bool:
    """Whether rows of the model, where they are now, may not point at tenants'."""
    if pointer_of(model) is None:
        return False
    return not (
        ACTIVE.get() is not None and guards.sides_now()[model._meta.app_label].tenants
    )


def require_target(instance: Any) -> None:
    """Raise `NotSupported` for a shared object that points at one of a tenant."""
    model = type(instance)
    name = pointer_of(model)
    if name is None or not is_guarded(model):
        return
    field: Any = model._meta.get_field(name)
    key = getattr(instance, field.attname)
    kept = instance._state.fields_cache.get(name)
    _require(model, kept if kept is not None and kept.pk == key else key)


def require_targets(instances: Iterable[Any]) -> None:
    """Hold each object against the rule, as `require_target`."""
    for instance in instances:
        require_target(instance)


def require_update(model: type[Model], values: dict[str, Any]) -> None:
    """Raise `NotSupported` where an update would turn shared rows to a tenant's."""
    name = pointer_of(model)
    if name is None or not is_guarded(model):
        return
    field: Any = model._meta.get_field(name)
    for each in (name, field.attname):
        if each in values:
            _require(model, values[each])


def _require(model: type[Model], given: Any) -> None:
    """*given* is a content type, or the key of one."""
    if given is None:
        return
    if hasattr(given, "resolve_expression"):
        raise NotSupported(
            f"{model._meta.label} is shared, and its content type is set by an "
            "expression, which may give that of a tenant's model. Set it by value."
        )
    found = _type(given)
    if found is not None and is_of_tenants(found.app_label):
        raise NotSupported(
            f"{model._meta.label} is shared and cannot point at "
            f"{found.app_label}.{found.model}, which each tenant has its own of: by "
            "the key alone it would be of the objects of all. Put the app "
            f"{model._meta.app_label!r} in TENANTRY['TENANT_APPS'] only."
        )


def _type(given: Any) -> Any:
    if _is_type(given):
        return given
    from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415

    try:
        return ContentType.objects.get_for_id(given)
    except ContentType.DoesNotExist:
        return None  # the database says so


def is_of_tenants(app_label: str) -> bool:
    """Whether objects of the app, as they are seen now, are tenants' own."""
    side = guards.sides[None][app_label]
    return side.tenants and not (side.shared and ACTIVE.get() is None)


def shared_pointers() -> Iterator[tuple[type[Model], str]]:
    """Return the models with shared tables that point by a content type, and by what.

    Each once: those of the shared side, with no tenant active.
    """
    for model in apps.get_models():
        name = pointer_of(model)
        if name is not None and guards.sides[None][model._meta.app_label].shared:
            yield model, name
