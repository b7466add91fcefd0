"""The rules of the boundary: which alias a model may use now, and whose an object is.

Every object read through a tenant carries that tenant's label in `_state.db`, and every
QuerySet made in a tenant carries it as a hint. Here the label is held against the
active tenant. Labels guard models of tenants; shared objects may go anywhere.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS

from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.exceptions import NoActiveTenant, NotSupported, WrongTenant
from tenantry.isolation.handler import isolations
from tenantry.types import LABEL_PREFIX, SHARED_ALIAS, TenantRef

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.db.models import Model

HINT = "tenant"
RESULTS = "_tenantry_results"
OURS = {DEFAULT_DB_ALIAS, SHARED_ALIAS}


class Sides(dict[str, tuple[bool, bool]]):
    """Whether an app is in tenants, and in the shared; asked at every query."""

    def __missing__(self, app_label: str) -> tuple[bool, bool]:
        found = self[app_label] = (
            conf.in_tenants(app_label),
            conf.in_shared(app_label),
        )
        return found


sides = Sides()
conf.on_change(sides.clear)


def alias_now(model: type[Model]) -> str | None:
    """Return the alias for the model and the active tenant; None: not ours to say.

    Raises `NoActiveTenant` for a tenant model with no tenant active.
    """
    in_tenants, in_shared = sides[model._meta.app_label]
    tenant = ACTIVE.get()
    if in_tenants:
        if tenant is not None:
            return tenant.label
        if not in_shared:
            raise NoActiveTenant(model._meta.label)
        return DEFAULT_DB_ALIAS
    if not in_shared:
        return None
    if tenant is None:
        return DEFAULT_DB_ALIAS
    return shared_alias(tenant)


def alias_beside(model: type[Model], instance: Any) -> str | None:
    """Return the other database of the project that a shared object was read from.

    What is shared and related to it is there too, as without us.
    """
    alias: str | None = getattr(getattr(instance, "_state", None), "db", None)
    if alias is None or alias in OURS or alias.startswith(LABEL_PREFIX):
        return None
    in_tenants, in_shared = sides[model._meta.app_label]
    if not in_shared or (in_tenants and ACTIVE.get() is not None):
        return None
    return alias


def shared_alias(tenant: TenantRef) -> str:
    """Return the alias by which the tenant reaches shared tables."""
    if isolations[tenant.placement].supports_shared_joins:
        return tenant.label
    return SHARED_ALIAS


def resolve_alias(model: type[Model], using: str) -> str:
    """Return what an alias given by hand (`using(...)`) means for the model now.

    Raises `NoActiveTenant`, `WrongTenant`, or `NotSupported` for an alias of another
    database on a tenant model.
    """
    in_tenants, in_shared = sides[model._meta.app_label]
    tenant = ACTIVE.get()
    if in_tenants and tenant is not None and using == tenant.label:
        return using
    if using == DEFAULT_DB_ALIAS:
        return alias_now(model) or using
    if using.startswith(LABEL_PREFIX):
        if in_tenants:
            require_label(using, model._meta.label)
        elif in_shared:
            return alias_now(model) or using
        return using
    if not in_tenants:
        return using
    if using == SHARED_ALIAS:
        return _shared_half(model, in_shared=in_shared)
    msg = (
        f"{model._meta.label} belongs to tenants, and the database alias "
        f"{using!r} is none of a tenant's. Leave `using` out: the active tenant's "
        "connection is found by itself."
    )
    raise NotSupported(msg)


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
    if not sides[meta.app_label][0]:
        return
    if not label.startswith(LABEL_PREFIX):
        # Unsaved, it was only told "default" (as migrations do), which is whatever is
        # active.
        if tenant is None or instance._state.adding:  # type: ignore[attr-defined]
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
    """Whether the QuerySet's rows are tenants' rows."""
    model = queryset.model
    if model is None or not sides[model._meta.app_label][0]:
        return False
    query = queryset.__dict__.get("_query")
    return query is None or not query.is_empty()


def claim_results(queryset: Any) -> None:
    """Note whose rows the QuerySet is about to hold; `WrongTenant` if another's."""
    tenant = ACTIVE.get()
    label = DEFAULT_DB_ALIAS if tenant is None else tenant.label
    if queryset.__dict__.setdefault(RESULTS, label) != label:
        require_results(queryset)


def release_results(queryset: Any) -> None:
    """Forget the note: nothing was read."""
    queryset.__dict__.pop(RESULTS, None)


def require_results(queryset: Any) -> None:
    """Raise `WrongTenant` where the rows that a QuerySet holds are another tenant's."""
    if not is_own(queryset):
        return
    label = queryset.__dict__.get(RESULTS) or queryset._hints.get(HINT)  # noqa: SLF001
    tenant = ACTIVE.get()
    if label in {None, DEFAULT_DB_ALIAS if tenant is None else tenant.label}:
        return
    raise WrongTenant(
        f"The result of a QuerySet of {queryset.model._meta.label}",
        belongs_to="the shared site"
        if label == DEFAULT_DB_ALIAS
        else label.removeprefix(LABEL_PREFIX),
        active=None if tenant is None else tenant.key,
    )
