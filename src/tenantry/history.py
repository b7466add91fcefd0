"""A place's migrations are those of its own apps; others count as applied there.

A place is a tenant, or the shared database. What is recorded in it of other apps (by
plain Django before the project was switched, or when it still had the app) is left as
it is, and asked only when the app comes back.
"""

from __future__ import annotations

from graphlib import TopologicalSorter
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.loader import MigrationLoader

from tenantry.context import ACTIVE
from tenantry.guards import Side, sides
from tenantry.types import SHARED_ALIAS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

Name = tuple[str, str]


def is_foreign(connection: Any, app_label: str) -> bool:
    """Whether the app's tables are in other places than the connection leads to."""
    is_other = _foreign_at(connection)
    return is_other is not None and is_other(app_label)


def _foreign_at(connection: Any) -> Callable[[str], bool] | None:
    """Return what tells other places' apps; None for a database that is no place."""
    tenant, alias = ACTIVE.get(), connection.alias
    if tenant is not None and alias == tenant.label:
        of_kind = sides[tenant.kind]
        return lambda app_label: _is_not_tenants(of_kind[app_label])
    if alias == SHARED_ALIAS or (tenant is None and alias == DEFAULT_DB_ALIAS):
        of_all = sides[None]
        return lambda app_label: (side := of_all[app_label]).tenants and not side.shared
    return None


def _is_not_tenants(side: Side) -> bool:
    return not side.tenants and (side.shared or side.elsewhere)


def is_of_kind(kind: str, app_label: str) -> bool:
    """Whether the app's migrations are those of tenants of the kind."""
    return not _is_not_tenants(sides[kind][app_label])


def of_kind(kind: str, recorded: Iterable[Name]) -> frozenset[Name]:
    """Return those of the recorded migrations that are of the kind's apps."""
    return frozenset(name for name in recorded if is_of_kind(kind, name[0]))


def complete(connection: Any, recorded: dict[Name, Any]) -> dict[Name, Any]:
    """Return what is applied in the place: its own records, and all of other apps.

    One of another app that comes after an unapplied one of the place's own is not: the
    state before the latter would else hold models that refer to what is not there.
    """
    is_other = _foreign_at(connection)
    if is_other is None:
        return recorded
    # Dependencies alone: what stands in for squashed ones is worked out by the caller.
    loader = MigrationLoader(None, ignore_no_migrations=True)
    own = {name: row for name, row in recorded.items() if not is_other(name[0])}
    return {**own, **dict(_applied_elsewhere(loader, own, is_other))}


def _applied_elsewhere(
    loader: MigrationLoader, own: dict[Name, Any], is_other: Callable[[str], bool]
) -> Iterator[tuple[Name, Any]]:
    parents = {
        name: [parent.key for parent in node.parents]
        for name, node in loader.graph.node_map.items()
    }
    waiting = set()
    for name in TopologicalSorter(parents).static_order():
        if not is_other(name[0]):
            if name not in own and not _is_replaced(loader, name, own):
                waiting.add(name)
        elif waiting.isdisjoint(parents[name]):
            for each in _with_replaced(loader, name):
                yield each, loader.graph.nodes[name]
        else:
            waiting.add(name)


def _is_replaced(loader: MigrationLoader, name: Name, applied: dict[Name, Any]) -> bool:
    """Whether all is applied that the migration stands in for, as Django 6.0 asks."""
    replacing = loader.replacements.get(name)
    return replacing is not None and all(
        each in applied or _is_replaced(loader, each, applied)
        for each in replacing.replaces
    )


def _with_replaced(loader: MigrationLoader, name: Name) -> Iterator[Name]:
    yield name
    if name in loader.replacements:
        for replaced in loader.replacements[name].replaces:
            yield from _with_replaced(loader, replaced)
