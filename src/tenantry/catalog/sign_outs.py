"""How often users signed out everywhere: a number that their sessions are verified by.

A session holds a hash of the user's; with each sign-out it is another, wherever the
session is. Zero leaves Django's own, so that nobody is logged out by an upgrade.
"""

from __future__ import annotations

import hmac
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import SynchronousOnlyOperation
from django.db import connections
from django.db.models import F
from django.urls import NoReverseMatch, reverse

from tenantry import guards
from tenantry.catalog.audit import SHARED_USER
from tenantry.catalog.people import SignOut
from tenantry.conf import conf
from tenantry.context import ACTIVE, override_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

PAGE = "tenantry_logout_everywhere"
# What was asked for already, where an event loop may not ask: place and key of a user.
_known: ContextVar[tuple[str, str, int] | None] = ContextVar(
    "tenantry_sign_outs", default=None
)


@lru_cache(maxsize=1)
def are_counted() -> bool:
    """Whether anybody can sign out everywhere; where not, no query is spent on it."""
    if apps.is_installed("tenantry.users"):
        return True
    with override_tenant(None):
        return any(_serves_page(urlconf) for urlconf in conf.urlconfs)


conf.on_change(are_counted.cache_clear)


def _serves_page(urlconf: str) -> bool:
    try:
        reverse(PAGE, urlconf=urlconf)
    except NoReverseMatch:
        return False
    return True


def place_of(user: Any) -> str:
    """Return the key of the tenant that the user is of now; empty for a shared one."""
    tenant = ACTIVE.get()
    own = guards.sides_now()[user._meta.app_label].tenants
    return tenant.key if tenant is not None and own else ""


def key_of(user: Any) -> str:
    """Return the text of the user's primary key, as sessions hold it."""
    return str(user._meta.pk.value_to_string(user))


def times(user: Any) -> int:
    """Return how often the user signed out everywhere."""
    if user.pk is None or not are_counted():
        return 0
    place, pk = place_of(user), key_of(user)
    known = _known.get()
    if known is not None and known[:2] == (place, pk):
        return known[2]
    try:
        return _asked(place, pk)
    except SynchronousOnlyOperation:
        with ThreadPoolExecutor(1) as executor:
            return executor.submit(_asked_alone, place, pk).result()


def count(user: Any) -> None:
    """Count one more: all sessions that the user has now end."""
    row: dict[str, Any] = {"tenant_key": place_of(user), "user_pk": key_of(user)}
    with override_tenant(None):
        SignOut.objects.get_or_create(**row)
        SignOut.objects.filter(**row).update(times=F("times") + 1)


def mixed(digest: str, user: Any) -> str:
    """Return the hash that the user's sessions are verified by, made of Django's.

    It is another after each sign-out. Who works in a tenant for a shared user is signed
    out with that one, also by a new password.
    """
    shared = getattr(user, SHARED_USER, None)
    if shared is not None:
        with override_tenant(None):
            more = f"{times(shared)}:{shared.password}"
    else:
        number = times(user)
        more = str(number) if number else ""
    if not more:
        return digest
    return hmac.new(digest.encode(), more.encode(), "sha256").hexdigest()


def look_up(model: Any, pk: str | None) -> tuple[str, str, int] | None:
    """Ask for the number of the user of that primary key, for `knowing`."""
    if pk is None or not are_counted():
        return None
    place = place_of(model)
    return place, pk, _asked(place, pk)


@contextmanager
def knowing(found: tuple[str, str, int] | None) -> Iterator[None]:
    """Spare the block the query: an event loop may ask the database for nothing."""
    token = _known.set(found)
    try:
        yield
    finally:
        _known.reset(token)


def _asked(place: str, pk: str) -> int:
    with override_tenant(None):
        rows = SignOut.objects.filter(tenant_key=place, user_pk=pk)
        return rows.values_list("times", flat=True).first() or 0


def _asked_alone(place: str, pk: str) -> int:
    try:
        return _asked(place, pk)
    finally:
        connections.close_all()
