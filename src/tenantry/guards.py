"""The rules of the boundary: which alias a model may use now, and whose an object is.

Every object read through a tenant carries that tenant's label in `_state.db`, and every
QuerySet made in a tenant carries it as a hint. Here the label is held against the
active tenant. Labels guard models of tenants; shared objects may go anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS

from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.exceptions import NoActiveTenant, NotInKind, NotSupported, WrongTenant
from tenantry.isolation.handler import isolations
from tenantry.types import LABEL_PREFIX, SHARED_ALIAS, TenantRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

HINT = "tenant"
RESULTS = "_tenantry_results"
OURS = {DEFAULT_DB_ALIAS, SHARED_ALIAS}


class Side(NamedTuple):
    """Where the tables of an app are, for tenants of one kind."""

    tenants: bool
    """In each tenant of the kind; with no tenant active: of some kind."""

    shared: bool
    """In the shared database."""

    elsewhere: bool
    """In tenants of other kinds only: for this one it does not exist."""

    apart: bool
    """The shared tables are where no tenant's path leads: some kinds have their own."""


class SidesOfKind(dict[str, Side]):
    """The sides of apps, for tenants of one kind; None: with no tenant active."""

    def __init__(self, kind: str | None) -> None:
        super().__init__()
        self._own = conf.tenant_apps if kind is None else conf.apps_of(kind)

    def __missing__(self, app_label: str) -> Side:
        own, shared = app_label in self._own, conf.in_shared(app_label)
        some = conf.in_tenants(app_label)
        found = self[app_label] = Side(
            tenants=own,
            shared=shared,
            elsewhere=some and not own and not shared,
            apart=some and shared,
        )
        return found


class Sides(dict[str | None, SidesOfKind]):
    """The sides of apps by kind; asked at every query."""

    def __missing__(self, kind: str | None) -> SidesOfKind:
        found = self[kind] = SidesOfKind(kind)
        return found


sides = Sides()
conf.on_change(sides.clear)


def sides_now() -> SidesOfKind:
    """Return where apps' tables are, for the active tenant or for none."""
    tenant = ACTIVE.get()
    return sides[None if tenant is None else tenant.kind]


def have_own_users(kind: str) -> bool:
    """Whether tenants of the kind have users of their own, not shared ones."""
    return sides[kind][conf.auth_user_model.partition(".")[0]].tenants


def not_in_kind(what: str, tenant: TenantRef) -> NotInKind:
    """Return the error for something of an app that the tenant's kind lacks."""
    kind = conf.kind(tenant.kind)
    return NotInKind(what, kind=kind.name, setting=kind.setting)


def alias_now(model: type[Model]) -> str | None:
    """Return the alias for the model and the active tenant; None: not ours to say.

    Raises `NoActiveTenant` for a tenant model with no tenant active, and `NotInKind`
    for one that tenants of the active one's kind do not have.
    """
    tenant = ACTIVE.get()
    if tenant is None:
        side = sides[None][model._meta.app_label]
        if side.tenants and not side.shared:
            raise NoActiveTenant(model._meta.label)
        return DEFAULT_DB_ALIAS if side.shared else None
    side = sides[tenant.kind][model._meta.app_label]
    if side.tenants:
        return tenant.label
    if side.shared:
        return shared_alias(tenant, side)
    if side.elsewhere:
        raise not_in_kind(model._meta.label, tenant)
    return None


def other_database(instance: Any) -> str | None:
    """Return the alias of another database that the object was read from by hand."""
    alias: str | None = getattr(getattr(instance, "_state", None), "db", None)
    if alias is None or alias in OURS or alias.startswith(LABEL_PREFIX):
        return None
    return alias


def alias_beside(model: type[Model], instance: Any) -> str | None:
    """Return the other database of the project that a shared object was read from.

    What is shared and related to it is there too, as without us.
    """
    alias = other_database(instance)
    if alias is None:
        return None
    side = sides_now()[model._meta.app_label]
    is_here = side.shared and not (side.tenants and ACTIVE.get() is not None)
    return alias if is_here else None


def shared_alias(tenant: TenantRef, side: Side) -> str:
    """Return the alias by which the tenant reaches shared tables of that side."""
    if isolations[tenant.placement].supports_shared_joins and not side.apart:
        return tenant.label
    return SHARED_ALIAS


def leads_elsewhere(field: Any) -> bool:
    """Whether a relation leads from the active tenant's tables to another place.

    To shared tables that are not in its database, or not in reach of its path.
    """
    tenant = ACTIVE.get()
    remote = getattr(field.remote_field, "model", None)
    own = field.__dict__.get("model")
    if tenant is None or own is None or not isinstance(remote, type):
        return False
    of_kind = sides[tenant.kind]
    target = of_kind[remote._meta.app_label]  # type: ignore[attr-defined]
    return (
        of_kind[own._meta.app_label].tenants
        and target.shared
        and not target.tenants
        and shared_alias(tenant, target) == SHARED_ALIAS
    )


def resolve_alias(model: type[Model], using: str) -> str:
    """Return what an alias given by hand (`using(...)`) means for the model now.

    Raises `NoActiveTenant`, `WrongTenant`, `NotInKind`, or `NotSupported` for an alias
    of another database on a tenant model.
    """
    tenant = ACTIVE.get()
    side = sides[None if tenant is None else tenant.kind][model._meta.app_label]
    if tenant is not None:
        if side.tenants and using == tenant.label:
            return using
        if side.elsewhere:
            raise not_in_kind(model._meta.label, tenant)
    if using == DEFAULT_DB_ALIAS:
        return alias_now(model) or using
    if using.startswith(LABEL_PREFIX):
        return _of_label(model, using, side)
    if not side.tenants:
        return using
    if using == SHARED_ALIAS:
        return _shared_half(model, in_shared=side.shared)
    msg = (
        f"{model._meta.label} belongs to tenants, and the database alias "
        f"{using!r} is none of a tenant's. Leave `using` out: the active tenant's "
        "connection is found by itself."
    )
    raise NotSupported(msg)


def _of_label(model: type[Model], label: str, side: Side) -> str:
    """Return what a tenant's label means for the model: for shared ones, no tenant."""
    if side.tenants or side.apart:
        require_label(label, model._meta.label)
    if side.shared and not side.tenants:
        return alias_now(model) or label
    return label


def _shared_half(model: type[Model], *, in_shared: bool) -> str:
    tenant = ACTIVE.get()
    if not in_shared:
        msg = f"{model._meta.label} has no table in the shared database."
        raise NotSupported(msg)
    if tenant is not None:
        msg = (
            f"{model._meta.label} is in SHARED_APPS and TENANT_APPS, and "
            f"{tenant.key!r} is active: reach its shared half with "
            "`with override_tenant(None): ...`."
        )
        raise NotSupported(msg)
    return DEFAULT_DB_ALIAS


def require_label(label: str, what: str) -> None:
    """Raise `WrongTenant` unless the label is the active tenant's."""
    tenant = ACTIVE.get()
    if tenant is None or tenant.label != label:
        raise WrongTenant(
            what,
            belongs_to=label.removeprefix(LABEL_PREFIX),
            active=None if tenant is None else tenant.key,
        )


def require_query(label: str, model: type[Model]) -> None:
    """Raise `WrongTenant` where a QuerySet or query was made in another tenant."""
    tenant = ACTIVE.get()
    if tenant is None or tenant.label != label:
        require_label(label, f"A QuerySet of {model._meta.label}")


def require_object(instance: object) -> None:
    """Raise `WrongTenant` for an object of a tenant model that is another tenant's.

    Objects that were never saved, and shared ones, belong to nobody.
    """
    state = getattr(instance, "_state", None)
    label = getattr(state, "db", None)
    if label is None:
        return
    tenant = ACTIVE.get()
    if tenant is not None and tenant.label == label:
        return
    meta = instance._meta  # type: ignore[attr-defined]
    if label.startswith(LABEL_PREFIX):
        if not sides[None][meta.app_label].tenants:
            return
    else:
        # Unsaved, it was only told "default" (as migrations do), which is whatever is
        # active.
        unsaved = instance._state.adding  # type: ignore[attr-defined]
        if tenant is None or unsaved or not sides[tenant.kind][meta.app_label].tenants:
            return
        label = "the shared site"
    raise WrongTenant(
        f"{meta.label} object (pk={instance.pk!r})",  # type: ignore[attr-defined]
        belongs_to=label.removeprefix(LABEL_PREFIX),
        active=None if tenant is None else tenant.key,
    )


def require_objects(instances: Iterable[object]) -> None:
    """Hold each object against the active tenant, as `require_object`."""
    for instance in instances:
        require_object(instance)


def require_hints(model: type[Model], hints: dict[str, Any]) -> None:
    """Hold the tenant a QuerySet was made in, and its instance, against the active."""
    label = hints.get(HINT)
    if label is not None:
        require_query(label, model)
    instance = hints.get("instance")
    if instance is not None:
        require_object(instance)


def is_own(queryset: Any) -> bool:
    """Whether the QuerySet's rows are tenants' rows, of some kind at least."""
    model = queryset.model
    if model is None or not sides[None][model._meta.app_label].tenants:
        return False
    query = queryset.__dict__.get("_query")
    return query is None or not query.is_empty()


def owner_now(model: type[Model]) -> str:
    """Return the label of whose rows the model's are now; `default`: shared ones."""
    tenant = ACTIVE.get()
    if tenant is None or not sides[tenant.kind][model._meta.app_label].tenants:
        return DEFAULT_DB_ALIAS
    return tenant.label


def claim_results(queryset: Any) -> None:
    """Note whose rows the QuerySet is about to hold; `WrongTenant` if another's."""
    model = queryset.model
    if model is None or not sides[None][model._meta.app_label].tenants:
        return
    label = owner_now(model)
    if queryset.__dict__.setdefault(RESULTS, label) != label:
        require_results(queryset)


def release_results(queryset: Any) -> None:
    """Forget the note: nothing was read."""
    queryset.__dict__.pop(RESULTS, None)


def require_results(queryset: Any) -> None:
    """Raise `WrongTenant` where the rows that a QuerySet holds are another tenant's."""
    label = queryset.__dict__.get(RESULTS) or queryset._hints.get(HINT)  # noqa: SLF001
    tenant = ACTIVE.get()
    if label is None or (tenant is not None and tenant.label == label):
        return
    if not is_own(queryset) or label == owner_now(queryset.model):
        return
    raise WrongTenant(
        f"The result of a QuerySet of {queryset.model._meta.label}",
        belongs_to="the shared site"
        if label == DEFAULT_DB_ALIAS
        else label.removeprefix(LABEL_PREFIX),
        active=None if tenant is None else tenant.key,
    )


class ForeignTables(dict[tuple[str, bool], dict[str, type["Model"]]]):
    """Tables that tenants of a kind have not, by name; asked at every SELECT.

    Those of apps that the kind lacks, and shared ones that are in no reach: of an app
    that other kinds have their own of, and all where the placement joins none. A tenant
    may have such tables all the same, left from when it had the app.
    """

    def __missing__(self, key: tuple[str, bool]) -> dict[str, type[Model]]:
        kind, joins_shared = key
        of_kind = sides[kind]
        found: dict[str, type[Model]] = {}
        own = set()
        for model in apps.get_models(include_auto_created=True):
            if model._meta.proxy:
                continue  # its table is another model's
            side = of_kind[model._meta.app_label]
            apart = side.apart or (side.shared and not joins_shared)
            if side.elsewhere or (apart and not side.tenants):
                found.setdefault(model._meta.db_table, model)
            else:
                own.add(model._meta.db_table)
        # An unmanaged model is of a table that may be another app's.
        self[key] = {name: found[name] for name in found.keys() - own}
        return self[key]


foreign_tables = ForeignTables()
conf.on_change(foreign_tables.clear)


def require_tables(names: Iterable[str], using: str) -> None:
    """Raise where a statement joins a table that is not where it is sent.

    Raises `NotInKind`, and `NotSupported` for a shared table that is apart.
    """
    tenant = ACTIVE.get()
    if tenant is None:
        return
    joins_shared = isolations[tenant.placement].supports_shared_joins
    foreign = foreign_tables[tenant.kind, joins_shared]
    if not foreign:
        return
    for name in names:
        model = foreign.get(name)
        if model is None:
            continue
        if sides[tenant.kind][model._meta.app_label].elsewhere:
            raise not_in_kind(model._meta.label, tenant)
        if using == tenant.label:
            msg = (
                f"{model._meta.label} is shared for tenants of kind {tenant.kind!r} "
                f"and not in the database of {tenant.key!r}, so it cannot be joined "
                "with what is. Ask for it by a query of its own."
            )
            raise NotSupported(msg)
