"""Seams of deletion: rows of one side go with objects of that side.

A shared object is another matter: rows of every tenant may refer to it. Its deletion is
collected by Django for the shared side, then once more for each tenant, with that
tenant active and only its own relations in view.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, transaction
from django.db.models import ProtectedError, RestrictedError, deletion

from tenantry import guards
from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.context import ACTIVE, override_tenant
from tenantry.exceptions import UsedByTenants
from tenantry.isolation import isolations
from tenantry.seams.substitution import seam, wrap
from tenantry.types import RowsInTenant

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tenantry.types import TenantRef

DEPTH, PARTS = "_tenantry_depth", "_tenantry_parts"
LEFT_TO_THE_DATABASE = getattr(deletion, "SKIP_COLLECTION", {deletion.DO_NOTHING})

# Whether a shared object's deletion is being collected for the place that is active.
FOR_PLACE: ContextVar[bool] = ContextVar("tenantry_deleting", default=False)


class Part(NamedTuple):
    """What goes, or changes, in one place with the shared objects."""

    place: TenantRef | None
    collector: Any


@seam
def deletions_stay_on_their_side() -> None:
    """Of an app in both lists, each half is referred to from its own side only.

    Deleting a shared user would else ask for tenants' tables, and deleting a tenant's
    user would take shared rows with it that refer to the shared user of the same key.
    Apps that the tenant's kind lacks are not asked at all.
    """

    def candidates(original: Any, opts: Any) -> Any:
        return [
            related
            for related in original(opts)
            if is_asked(opts, related.related_model._meta.app_label)
        ]

    def bulk_related_objects(original: Any, self: Any, *args: Any) -> Any:
        label = self.remote_field.model._meta.app_label
        opts = self.model._meta
        if guards.sides_now()[label].elsewhere or (
            is_shared(opts) and not is_asked(opts, label)
        ):
            return []
        return original(self, *args)

    wrap(deletion, "get_candidate_relations_to_delete", candidates)
    if apps.is_installed("django.contrib.contenttypes"):
        from django.contrib.contenttypes import fields  # noqa: PLC0415  (has models)

        wrap(fields.GenericRelation, "bulk_related_objects", bulk_related_objects)


@seam
def shared_objects_are_deleted_with_all_tenants() -> None:
    """Django asks one database for what refers to an object, thus at most one tenant.

    `on_delete` is done in every tenant, in the transaction of the deletion; where a
    tenant's tables are in another database, rows that refer to the object refuse it.
    """

    def can_fast_delete(original: Any, self: Any, objs: Any, **kwargs: Any) -> bool:
        if not original(self, objs, **kwargs):
            return False
        model = objs._meta.model if hasattr(objs, "_meta") else objs.model
        return FOR_PLACE.get() or not is_used_by_tenants(model)

    def collect(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        depth = self.__dict__.get(DEPTH, 0)
        self.__dict__[DEPTH] = depth + 1
        try:
            original(self, *args, **kwargs)
        finally:
            self.__dict__[DEPTH] = depth
        if not depth and not FOR_PLACE.get():
            self.__dict__[PARTS] = _parts_of(self)

    def delete(original: Any, self: Any) -> Any:
        parts = self.__dict__.pop(PARTS, None)
        if not parts:
            return original(self)
        gone: Counter[str] = Counter()
        with transaction.atomic(using=self.using, savepoint=False):
            for place, collector in parts:
                with override_tenant(place):
                    gone.update(collector.delete()[1])
            gone.update(original(self)[1])
        return gone.total(), dict(gone)

    wrap(deletion.Collector, "can_fast_delete", can_fast_delete)
    wrap(deletion.Collector, "collect", collect)
    wrap(deletion.Collector, "delete", delete)


def is_shared(opts: Any) -> bool:
    """Whether the model is in the shared database only."""
    side = guards.sides[None][opts.app_label]
    return side.shared and not side.tenants


def is_asked(opts: Any, app_label: str) -> bool:
    """Whether rows of the app are asked for that refer to the model's objects."""
    here = guards.sides_now()[app_label]
    if is_shared(opts):
        own = here.tenants and (ACTIVE.get() is not None or here.shared)
        if FOR_PLACE.get():
            return own
        anywhere = guards.sides[None][app_label]
        return not anywhere.tenants or (own and ACTIVE.get() is None)
    if here.elsewhere:
        return False
    both = all(guards.sides_now()[opts.app_label][:2])
    in_place = here.shared if ACTIVE.get() is None else here.tenants
    return not both or in_place or not any(here)


def is_used_by_tenants(model: Any) -> bool:
    """Whether the model is shared, and models of tenants refer to it."""
    if not is_shared(model._meta):
        return False
    relations = (
        each.field
        for each in model._meta.get_fields(include_hidden=True)
        if each.auto_created and not each.concrete and not each.many_to_many
    )
    users = chain(
        (
            field.model
            for field in relations
            if field.remote_field.on_delete not in LEFT_TO_THE_DATABASE
        ),
        (
            field.remote_field.model
            for field in model._meta.private_fields
            if hasattr(field, "bulk_related_objects")
        ),
    )
    return any(guards.sides[None][user._meta.app_label].tenants for user in users)


def _parts_of(collector: Any) -> list[Part]:
    """Collect in every place what the deletion of shared objects does there.

    Raises `UsedByTenants` where rows are protected, or out of the transaction's reach.
    """
    objects = {
        model: list(found)
        for model, found in collector.data.items()
        if found and is_used_by_tenants(model)
    }
    if not objects:
        return []
    parts, refused = [], []
    for place in _places():
        with override_tenant(place), _for_place():
            try:
                part = Part(place, _collect(place, objects, collector.origin))
            except (ProtectedError, RestrictedError) as error:
                refused += list(_rows(place, _objects_of(error)))
                continue
            parts.append(part)
    what = _named(objects)
    if refused:
        reason = "`on_delete` of rows of tenants protects it"
        raise UsedByTenants(what, refused, reason=reason)
    _refuse_out_of_reach(what, parts)
    _show(collector, parts)
    return parts


def _places() -> Iterator[TenantRef | None]:
    """Return the tenants that are whole; the shared site too, where it is not active.

    One tenant at a time: there may be thousands.
    """
    if ACTIVE.get() is not None:
        yield None
    with override_tenant(None):
        unfinished = (State.PROVISIONING, State.DROPPING)
        rows = registry.tenant_model._base_manager.exclude(state__in=unfinished)
        refs = [row.ref for row in rows.order_by("key")]
    yield from refs


@contextmanager
def _for_place() -> Iterator[None]:
    token = FOR_PLACE.set(True)
    try:
        yield
    finally:
        FOR_PLACE.reset(token)


def _collect(
    place: TenantRef | None, objects: dict[Any, list[Any]], origin: Any
) -> Any:
    """Return Django's collector of what refers to the objects in the active place."""
    collector = deletion.Collector(DEFAULT_DB_ALIAS if place is None else place.label)
    # A child's rows bring its parents' with them, so those come first.
    models = sorted(objects, key=lambda model: len(model._meta.all_parents))
    for model in models:
        collector.collect(objects[model], fail_on_restricted=model is models[-1])
    collector.origin = origin
    for model in list(collector.data):
        if is_shared(model._meta):
            # Not to be deleted from here. The key stays: with one model left, Django
            # would take its one object for all there is to do.
            collector.data[model] = set()
    return collector


def _objects_of(error: ProtectedError | RestrictedError) -> Iterable[Any]:
    if isinstance(error, ProtectedError):
        return error.protected_objects
    return error.restricted_objects


def _rows(place: TenantRef | None, objects: Iterable[Any]) -> Iterator[RowsInTenant]:
    """Return how many of each model the objects are."""
    key = None if place is None else place.key
    for opts, number in Counter(each._meta for each in objects).items():
        yield RowsInTenant(opts, key, number)


def _contents(part: Part, *, changed: bool) -> Iterator[RowsInTenant]:
    """Return what a part deletes, and where asked for what it changes."""
    place, collector = part
    key = None if place is None else place.key
    found: Counter[Any] = Counter()
    with override_tenant(place):
        for model, objects in collector.data.items():
            found[model._meta] += len(objects)
        for queryset in collector.fast_deletes:
            found[queryset.model._meta] += queryset.count()
        updates = collector.field_updates.values() if changed else ()
        for objects in chain.from_iterable(updates):
            for each in _rows(place, objects):
                found[each._meta] += each.number
    for opts, number in found.items():
        if number:
            yield RowsInTenant(opts, key, number)


def _is_in_reach(place: TenantRef | None) -> bool:
    """Whether one transaction spans the place and the shared tables."""
    return place is None or isolations[place.placement].supports_shared_joins


def _refuse_out_of_reach(what: str, parts: list[Part]) -> None:
    """Raise `UsedByTenants` where rows refer to the objects from other databases."""
    uses = [
        use
        for part in parts
        if not _is_in_reach(part.place)
        for use in _contents(part, changed=True)
    ]
    if uses:
        reason = (
            "rows refer to it in other databases, which its transaction does not "
            "reach. Delete or change those first, in each tenant"
        )
        raise UsedByTenants(what, uses, reason=reason)


def _show(collector: Any, parts: list[Part]) -> None:
    """Let the admin's page that asks for confirmation list what goes in tenants."""
    if hasattr(collector, "add_edge"):
        for part in parts:
            for use in _contents(part, changed=False):
                collector.add_edge(None, use)


def _named(objects: dict[Any, list[Any]]) -> str:
    """Return what the objects are called in an error."""
    names = []
    for model, found in objects.items():
        pk = f" (pk={found[0].pk!r})" if len(found) == 1 else ""
        names.append(f"{len(found)} {model._meta.label}{pk}")
    return ", ".join(names)
