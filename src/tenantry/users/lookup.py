"""What a shared user is in the active tenant: asked once for each user object.

The answer is remembered on the object, by tenant and by the user's key. It goes neither
into pickles nor into copies of the memory: there, it would outlive the membership.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from asgiref.sync import sync_to_async
from django.apps import apps
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections
from django.db.models import FilteredRelation, Q

from tenantry import guards
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import ACTIVE, override_tenant
from tenantry.exceptions import TenantNotFound
from tenantry.users.models import Membership, MembershipState
from tenantry.users.roles import Role, of_membership

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.types import TenantRef

MEMORY = "_tenantry_memory"
JOINED = "tenantry_membership"
STANDING = "standing"


class Memory(dict[Any, Any]):
    """What is known of one user object, by tenant, the user's key and a name."""

    def __reduce__(self) -> tuple[Any, ...]:
        """Be pickled and copied empty."""
        return Memory, ()


class Place(NamedTuple):
    """Where somebody may be a member."""

    tenant: TenantRef
    user_pk: Any


# What was asked for, where somebody watches: see `watched`.
_ASKED: ContextVar[list[Place] | None] = ContextVar(
    "tenantry_users_asked", default=None
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a user is in one tenant; without arguments: not a member."""

    membership: Membership | None = None
    roles: tuple[Role, ...] = ()
    admitted: bool = False
    staff: bool = False
    superuser: bool = False

    @classmethod
    def of(cls, membership: Membership | None) -> Standing:
        """Return what the membership gives; one that is suspended gives nothing."""
        if membership is None or membership.state != MembershipState.ACTIVE:
            return cls(membership=membership)
        roles = of_membership(membership)
        return cls(
            membership=membership,
            roles=roles,
            admitted=True,
            staff=any(role.staff for role in roles),
            superuser=any(role.superuser for role in roles),
        )


@lru_cache
def _model(name: str) -> Any:
    return apps.get_model(name)


def shared_user_model() -> Any:
    """Return the model of shared users."""
    return _model(conf.shared_user_model)


def tenant_of_users(model: Any, shared: Any = None) -> TenantRef | None:
    """Return the active tenant, where users of the model are members of it.

    That is: shared users, and tenants of its kind have none of their own.
    """
    tenant = ACTIVE.get()
    if tenant is None:
        return None
    shared = shared or shared_user_model()
    return tenant if issubclass(model, shared) and is_shared_only(shared) else None


def is_shared_only(model: Any) -> bool:
    """Whether the model's rows are the shared ones: there are no others here."""
    side = guards.sides_now()[model._meta.app_label]
    return side.shared and not side.tenants


def tenant_of_table(model: Any) -> TenantRef | None:
    """Return the same of a model that has a part of users' columns, as a parent has."""
    if ACTIVE.get() is None or model is None:
        return None
    if not issubclass(shared_user_model(), model._meta.concrete_model):
        return None
    return tenant_of_users(shared_user_model())


def place_now(user: Any) -> Place | None:
    """Return where the user may be a member: the active tenant, and their key.

    None where no tenant is active, where tenants have users of their own, and for an
    object without a key: it is nobody yet.
    """
    if ACTIVE.get() is None:
        return None
    model = shared_user_model()
    tenant = tenant_of_users(user.__class__, model)  # what a lazy object stands for
    pk = None if tenant is None else getattr(user, model._meta.pk.attname)
    return None if tenant is None or pk is None else Place(tenant, pk)


def tenant_of(user: Any) -> TenantRef | None:
    """Return the active tenant, where the user may be a member of it."""
    place = place_now(user)
    return None if place is None else place.tenant


def memory_of(user: Any, place: Place, name: str) -> tuple[Memory, Any]:
    """Return the memory of the object, and the key of the name for that place."""
    memory = user.__dict__.get(MEMORY)
    if memory is None:
        memory = user.__dict__[MEMORY] = Memory()
    return memory, (place.tenant.label, place.user_pk, name)


def forget(user: Any) -> None:
    """Ask again at the next use."""
    user.__dict__.pop(MEMORY, None)


def recalled(user: Any) -> Standing | None:
    """Return what is remembered of the user for the active tenant, without asking."""
    place = place_now(user)
    if place is None:
        return None
    memory, key = memory_of(user, place, STANDING)
    known: Standing | None = memory.get(key)
    return known


def standing(user: Any) -> Standing | None:
    """Return what the user is in the active tenant.

    None where no membership decides: no tenant is active, or users are its own.
    """
    place = place_now(user)
    if place is None:
        return None
    memory, key = memory_of(user, place, STANDING)
    known: Standing | None = memory.get(key)
    if known is None:
        known = memory[key] = Standing.of(_ask(place))
    return known


async def astanding(user: Any) -> Standing | None:
    """Return the same as `standing`, which then needs no query."""
    return await sync_to_async(standing)(user)


def admits(user: Any) -> bool:
    """Whether the active tenant lets the user in; true where no membership decides."""
    found = None if user is None else standing(user)
    return found is None or found.admitted


def _ask(place: Place) -> Membership | None:
    """Ask the database, in another thread where this one is that of an event loop."""
    asked = _ASKED.get()
    if asked is not None:
        asked.append(place)
    try:
        return _query(place)
    except SynchronousOnlyOperation:
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(_query_alone, place).result()


def _query(place: Place) -> Membership | None:
    with override_tenant(None):
        rows: Any = Membership._default_manager
        found: Membership | None = rows.filter(
            user_id=place.user_pk, tenant__key=place.tenant.key
        ).first()
        return found


def _query_alone(place: Place) -> Membership | None:
    try:
        return _query(place)
    finally:
        connections.close_all()


@contextmanager
def watched() -> Iterator[list[Place]]:
    """Collect what memberships are asked for within the block."""
    asked: list[Place] = []
    token = _ASKED.set(asked)
    try:
        yield asked
    finally:
        _ASKED.reset(token)


def ask_for_nobody(tenant: TenantRef) -> None:
    """Do the work of a look-up that finds nothing, so that the time tells nothing."""
    pk = shared_user_model()._meta.pk
    _query(Place(tenant, pk.get_default() or 0))


async def aask_for_nobody(tenant: TenantRef) -> None:
    """Do the same in an event loop."""
    await sync_to_async(ask_for_nobody)(tenant)


def load(model: Any, user_pk: Any, tenant: TenantRef) -> Any:
    """Return the user with what they are in the tenant, in one query; or None."""
    try:
        tenant_pk = registry.remembered(tenant.key).instance().pk
    except TenantNotFound:  # it was dropped meanwhile
        return None
    of_tenant = FilteredRelation(
        "tenant_memberships", condition=Q(tenant_memberships__tenant=tenant_pk)
    )
    users = model._default_manager.annotate(**{JOINED: of_tenant})
    try:
        user = users.select_related(JOINED).get(pk=user_pk)
    except model.DoesNotExist:
        return None
    membership = user.__dict__.pop(JOINED, None)
    memory, key = memory_of(user, Place(tenant, user.pk), STANDING)
    memory[key] = Standing.of(membership)
    return user


async def aload(model: Any, user_pk: Any, tenant: TenantRef) -> Any:
    """Return the same in an event loop."""
    return await sync_to_async(load)(model, user_pk, tenant)
