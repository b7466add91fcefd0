"""Who did what in which tenant: one append-only table in the shared database."""

from __future__ import annotations

import getpass
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cache, partial
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db import transaction

from tenantry import guards
from tenantry.catalog.acting import ACTING
from tenantry.catalog.people import NAME_LENGTH, AuditEntry
from tenantry.context import as_ref, get_tenant, override_tenant
from tenantry.exceptions import NoActiveTenant, TenantryError
from tenantry.signals import audited
from tenantry.types import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.http import HttpRequest

    from tenantry.types import TenantRef

__all__ = ["SHARED_USER", "answering", "record"]

# On a user of a tenant's: the shared user who works in the tenant as them.
SHARED_USER = "_tenantry_shared_user"
# The request that is being answered; in it is who asks, from where.
REQUEST: ContextVar[HttpRequest | None] = ContextVar("tenantry_request", default=None)


class Actor(NamedTuple):
    """Who did it: the columns of an entry, but for the impersonator."""

    actor: str = ""
    actor_pk: str = ""
    actor_place: str = ""


def record(
    action: str,
    *,
    tenant: TenantRef | str | None = None,
    actor: Any = None,
    target: object = "",
    **facts: Any,
) -> AuditEntry:
    """Write down that somebody did something; return the entry.

    *tenant* is where it was done: the active one unless given, "" is the shared site.
    *actor* is the user who did it, or a name: unless given the user of the request that
    is being answered; outside of requests the operating system's. *target* is what it
    was done to; *facts* are values that JSON can hold.

    The entry is part of the transaction that is open in the shared database: an act
    there and its entry are written together, or neither is. An error of the database
    is raised. `audited` is sent when the entry is committed.
    """
    acting = ACTING.get()
    if acting is not None and actor is None:
        actor = acting.user
    here = get_tenant()
    if tenant is None:
        tenant = "" if here is None else here.key
    request = REQUEST.get()
    who = _who(request, actor, facts)
    with override_tenant(None):
        entry = AuditEntry.objects.create(
            action=action,
            tenant_key=tenant if isinstance(tenant, str) else tenant.key,
            **who._asdict(),
            impersonator=_impersonator(request),
            target=str(target)[:NAME_LENGTH],
            address=_address(request),
            facts=facts,
        )
        if audited.receivers:
            send = partial(audited.send, sender=AuditEntry, entry=entry)
            transaction.on_commit(send, robust=True)
    return entry


@contextmanager
def answering(request: HttpRequest) -> Iterator[None]:
    """Let entries of the block tell who asks, and from where."""
    token = REQUEST.set(request)
    try:
        yield
    finally:
        REQUEST.reset(token)


def _who(request: HttpRequest | None, actor: Any, facts: dict[str, Any]) -> Actor:
    """Return who did it; of somebody who works as a user of a tenant's, who they are.

    As whom, is then among the facts.
    """
    if actor is None:
        if request is None:
            return Actor(f"command: {_system_user()}")
        actor = _asking(request)
        if actor is None:
            return Actor()
    if isinstance(actor, str):
        return Actor(actor[:NAME_LENGTH])
    if not getattr(actor, "is_authenticated", True):
        return Actor()
    shared = getattr(actor, SHARED_USER, None)
    if shared is not None:
        facts.setdefault("as_user", str(actor))
        actor = shared
    return Actor(str(actor)[:NAME_LENGTH], str(actor.pk), _place_of(actor))


def _asking(request: HttpRequest) -> Any:
    """Return the user whose request it is, as the request's own place has them.

    None where nobody signed in, or nobody can: the shared site may have no users.
    """
    if not hasattr(request, "user"):
        return None
    with override_tenant(getattr(request, "tenant", None)), suppress(NoActiveTenant):
        user = request.user
        return user if user.is_authenticated else None
    return None


def _place_of(user: Any) -> str:
    """Return the key of the tenant whose own user it is; "" for a shared one."""
    label = user._state.db or ""
    if not label.startswith(LABEL_PREFIX):
        return ""
    key: str = label.removeprefix(LABEL_PREFIX)
    here = get_tenant()
    try:
        ref = here if here is not None and here.key == key else as_ref(key)
    except TenantryError:  # it is being dropped, say
        ref = None
    side = guards.sides[None if ref is None else ref.kind][user._meta.app_label]
    return key if side.tenants else ""


def _impersonator(request: HttpRequest | None) -> str:
    acting = ACTING.get()  # in threads, too
    found = getattr(request, "impersonator", None)
    if acting is not None:
        found = acting.impersonator
    return "" if found is None else str(found)[:NAME_LENGTH]


def _address(request: HttpRequest | None) -> str | None:
    """Return where the request came from; None where that is no address, as a socket.

    A header that anybody can send says nothing: a proxy's word is for the project to
    take, before any of its middleware.
    """
    try:
        given = ip_address("" if request is None else request.META["REMOTE_ADDR"])
    except (KeyError, ValueError):
        return None
    return str(given).partition("%")[0]


@cache
def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "unknown"
