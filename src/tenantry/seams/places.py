"""Seams of connections, transactions, requests, and what Django keeps by alias."""

from __future__ import annotations

import functools
import threading
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.http import request as http_request
from django.urls import URLResolver
from django.urls import base as urls
from django.utils.functional import cached_property

from tenantry.conf import conf
from tenantry.connections import TenantConnections
from tenantry.context import ACTIVE, override_tenant
from tenantry.routing.chain import leads_to_tenant
from tenantry.seams.substitution import INSTALLED, seam, wrap
from tenantry.types import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable


@seam
def connections_follow_the_context() -> None:
    """`connections` is imported by name everywhere: its class changes, not it."""
    connections.__class__ = TenantConnections


class _Entered(threading.local):
    """The atomic blocks this thread is in, each with the tenant it was entered in."""

    def __init__(self) -> None:
        self.blocks: list[tuple[Any, Any]] = []


@seam
def atomic_stays_with_its_connection() -> None:
    """`Atomic` asks for its connection again when it is left: as when entered."""
    entered = _Entered()

    def enter(original: Any, self: Any) -> None:
        original(self)
        entered.blocks.append((self, ACTIVE.get()))

    def leave(original: Any, self: Any, *error: Any) -> Any:
        blocks = entered.blocks
        mine = next(i for i in reversed(range(len(blocks))) if blocks[i][0] is self)
        _, tenant = blocks.pop(mine)
        if ACTIVE.get() is tenant:
            return original(self, *error)
        with override_tenant(tenant):
            return original(self, *error)

    wrap(transaction.Atomic, "__enter__", enter)
    wrap(transaction.Atomic, "__exit__", leave)


class _InTenant:
    """A callback that runs in the tenant it was registered in; otherwise it is itself.

    Logs name it, and what captures callbacks compares it, as what was registered.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        functools.update_wrapper(self, function)
        self._function = function
        self._tenant = ACTIVE.get()

    def __call__(self) -> object:
        with override_tenant(self._tenant):
            return self._function()

    def __repr__(self) -> str:
        return repr(self._function)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _InTenant):
            return (self._function, self._tenant) == (other._function, other._tenant)
        return bool(self._function == other)

    def __hash__(self) -> int:
        return hash(self._function)


@seam
def callbacks_keep_their_tenant() -> None:
    """`on_commit` callbacks run in the tenant they were registered in."""

    def on_commit(
        original: Any,
        self: Any,
        func: Any,
        robust: bool = False,  # noqa: FBT001, FBT002
    ) -> Any:
        if callable(func):
            func = _InTenant(func)
        return original(self, func, robust)

    wrap(BaseDatabaseWrapper, "on_commit", on_commit)


@seam
def allowed_hosts_follow_the_catalog() -> None:
    """A host that leads to a tenant is allowed, beside those of ALLOWED_HOSTS."""

    def validate_host(original: Any, host: str, allowed_hosts: Any) -> bool:
        return original(host, allowed_hosts) or leads_to_tenant(host)

    wrap(http_request, "validate_host", validate_host)


@seam
def urls_are_reversed_by_the_kind() -> None:
    """Outside a request nothing says which URLconf is meant but the active tenant."""

    def get_urlconf(original: Any, default: Any = None) -> Any:
        found = original()
        if found is not None:
            return found
        tenant = ACTIVE.get()
        return (tenant and conf.kind(tenant.kind).urlconf) or default

    wrap(urls, "get_urlconf", get_urlconf)


@seam
def urlconfs_are_imported_with_no_tenant_active() -> None:
    """QuerySets at class level of views and forms would else be the first tenant's.

    `TenantMiddleware` imports them when it is made; a worker or a socket that reverses
    a name may be the first to ask.
    """
    original = vars(URLResolver)["urlconf_module"].func

    @functools.wraps(original)
    def urlconf_module(self: Any) -> Any:
        with override_tenant(None):
            return original(self)

    setattr(urlconf_module, INSTALLED, original)
    kept = cached_property(urlconf_module)
    kept.__set_name__(URLResolver, "urlconf_module")
    setattr(URLResolver, "urlconf_module", kept)  # noqa: B010  (mypy: a property)


class _RecentLabels(dict[str, Any]):
    """Content types by alias, of the most recent tenants only."""

    most = 256

    def __setitem__(self, alias: str, value: Any) -> None:
        super().__setitem__(alias, value)
        self._shrink()

    def setdefault(self, alias: str, default: Any = None) -> Any:
        """Return the content types of the alias, dropping those of the oldest."""
        found = super().setdefault(alias, default)
        self._shrink()
        return found

    def _shrink(self) -> None:
        if len(self) > self.most:
            labels = [label for label in list(self) if label.startswith(LABEL_PREFIX)]
            for label in labels[: len(self) - self.most]:
                self.pop(label, None)


@seam
def content_types_are_not_kept_for_ever() -> None:
    """Their cache is keyed by alias, thus by tenant, and has no bound of its own."""
    if apps.is_installed("django.contrib.contenttypes"):
        model: Any = apps.get_model("contenttypes", "ContentType")
        kept = _RecentLabels()
        # The manager in use is a copy of the declared one, made anew when the list of
        # apps changes.
        for manager in (*model._meta.local_managers, model.objects):
            manager._cache = kept
