"""`django.db.connections`, asked through the active tenant.

`connections["default"]` is the active tenant's connection, `"tenant:<key>"` that
tenant's if it is the active one, `"tenantry:shared"` the shared database's whichever
tenant is active.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections import OrderedDict
from typing import TYPE_CHECKING, Any, NoReturn, cast

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.utils import DEFAULT_DB_ALIAS, ConnectionHandler, load_backend

from tenantry.context import ACTIVE
from tenantry.exceptions import (
    ActivationRefused,
    LocationMissing,
    NotSupported,
    TooManyConnections,
    WrongTenant,
)
from tenantry.isolation.handler import isolations
from tenantry.isolation.owner import homes, speaking
from tenantry.types import LABEL_PREFIX, SHARED_ALIAS, TenantRef

if TYPE_CHECKING:
    from tenantry.isolation.database import DatabaseIsolation

OPEN_TENANTS = "tenantry_open"


class OwnDatabase(BaseDatabaseWrapper):
    """Mixin of an engine's wrapper: the connection to one tenant's own database."""

    owner: TenantRef
    Database: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._cursors: weakref.WeakSet[Any] = weakref.WeakSet()
        self.execute_wrappers.append(self._execute_in_tenant)

    def _execute_in_tenant(
        self, execute: Any, sql: Any, params: Any, *more: Any
    ) -> Any:
        """Refuse a statement by a connection or cursor kept from another tenant."""
        active = ACTIVE.get()
        if active is None or active.label != self.alias:
            raise WrongTenant(
                "This database connection",
                belongs_to=self.alias.removeprefix(LABEL_PREFIX),
                active=None if active is None else active.key,
            )
        return execute(sql, params, *more)

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect; raise `LocationMissing` where there is nothing to connect to."""
        try:
            return super().get_new_connection(conn_params)
        except self.Database.Error as error:
            if isolations[self.owner.placement].exists(self.owner):
                raise
            raise LocationMissing(self.owner.key, self.owner.location) from error

    def _prepare_cursor(self, cursor: Any) -> Any:
        prepared = super()._prepare_cursor(cursor)  # type: ignore[misc]
        self._cursors.add(prepared)
        return prepared

    @property
    def is_busy(self) -> bool:
        """Whether closing would lose something: a transaction, or rows not fetched."""
        if self.connection is None:
            return False
        return self.in_atomic_block or not self.autocommit or bool(self._cursors)


@functools.cache
def own_wrapper(engine: str) -> type[OwnDatabase]:
    """Return the engine's wrapper class, as the connection of one tenant."""
    base = load_backend(engine).DatabaseWrapper
    return type("DatabaseWrapper", (OwnDatabase, base), {"__module__": __name__})


class OpenCount:
    """How many tenant databases the process holds open, over all its threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0

    def __int__(self) -> int:
        return self._number

    def add(self, number: int) -> None:
        """Count wrappers that were opened, or closed where negative."""
        with self._lock:
            self._number += number


class OpenTenants(OrderedDict[str, "OwnDatabase"]):
    """The tenant databases that one thread holds open, least recently used first."""

    def __del__(self) -> None:
        # The thread has ended: its wrappers go with it.
        open_count.add(-len(self))


open_count = OpenCount()


class TenantConnections(ConnectionHandler):
    """Django's handler of connections, with aliases resolved against the context.

    `django.db.connections` becomes an instance of this class when the app is ready, so
    that everyone who imported it before has it too.
    """

    _connections: Any

    def __getitem__(self, alias: str) -> BaseDatabaseWrapper:
        tenant = ACTIVE.get()
        if tenant is not None and alias == tenant.label:
            return self._of_tenant(tenant)
        if alias == DEFAULT_DB_ALIAS:
            if tenant is not None:
                return self._of_tenant(tenant)
            return self.configured(speaking(alias))
        if alias.startswith(LABEL_PREFIX):
            raise WrongTenant(
                f"The database alias {alias!r}",
                belongs_to=alias.removeprefix(LABEL_PREFIX),
                active=None if tenant is None else tenant.key,
            )
        if alias == SHARED_ALIAS:
            return self._shared(tenant)
        return self.configured(speaking(alias))

    def configured(self, alias: str) -> BaseDatabaseWrapper:
        """Return the connection of an alias of DATABASES, whatever is active."""
        try:
            found: BaseDatabaseWrapper = getattr(self._connections, alias)
        except AttributeError:
            return super().__getitem__(alias)
        return found

    def _of_tenant(self, tenant: TenantRef) -> BaseDatabaseWrapper:
        home = homes[tenant.placement]
        if home is not None:
            return self.configured(speaking(home))
        isolation = cast("DatabaseIsolation", isolations[tenant.placement])
        return self._own(tenant, isolation)

    def _shared(self, tenant: TenantRef | None) -> BaseDatabaseWrapper:
        wrapper = self.configured(speaking(DEFAULT_DB_ALIAS))
        if tenant is None or not isolations[tenant.placement].shares_connection:
            return wrapper
        if isolations[tenant.placement].database != DEFAULT_DB_ALIAS:
            return wrapper
        return cast("BaseDatabaseWrapper", SharedConnection(wrapper))

    # Databases of tenants' own.

    @property
    def open_tenants(self) -> OpenTenants:
        """The tenant databases that this thread holds open."""
        try:
            return cast("OpenTenants", getattr(self._connections, OPEN_TENANTS))
        except AttributeError:
            opened = OpenTenants()
            setattr(self._connections, OPEN_TENANTS, opened)
            return opened

    def _own(
        self, tenant: TenantRef, isolation: DatabaseIsolation
    ) -> BaseDatabaseWrapper:
        opened = self.open_tenants
        wrapper = opened.get(tenant.label)
        if wrapper is not None and wrapper.owner == tenant:
            opened.move_to_end(tenant.label)
            return wrapper
        if wrapper is not None:
            self.forget(tenant)
        self._make_room(opened, isolation)
        settings = isolation.wrapper_settings(tenant)
        made = own_wrapper(settings["ENGINE"])(settings, tenant.label)
        made.owner = tenant
        opened[tenant.label] = made
        open_count.add(1)
        return made

    def _make_room(self, opened: OpenTenants, isolation: DatabaseIsolation) -> None:
        """Close this thread's least recently used ones while the process has too many.

        Another thread's connections cannot be closed from here, and one in a
        transaction must not be: then exceed the limit or raise, never wait.
        """
        excess = int(open_count) + 1 - isolation.max_open
        for label in [*opened] if excess > 0 else ():
            if excess <= 0:
                return
            if not opened[label].is_busy:
                self._close(opened, label)
                excess -= 1
        if excess > 0 and isolation.raises_on_limit:
            raise TooManyConnections(isolation.max_open)

    def _close(self, opened: OpenTenants, label: str) -> None:
        wrapper = opened.pop(label)
        open_count.add(-1)
        wrapper.close()

    def forget(self, tenant: TenantRef) -> None:
        """Close this thread's connection to the tenant's own database."""
        opened = self.open_tenants
        if tenant.label in opened:
            self._close(opened, tenant.label)

    # What Django does with all connections at once.

    def all(self, initialized_only: bool = False) -> list[BaseDatabaseWrapper]:  # noqa: FBT001, FBT002
        """Return the configured connections, the active tenant's, and the open ones.

        What watches all of them (debug-toolbar) does so before the tenant is asked.
        """
        tenant = ACTIVE.get()
        if (
            tenant is not None
            and not initialized_only
            and homes[tenant.placement] is None
        ):
            self._of_tenant(tenant)
        configured = [
            self.configured(alias)
            for alias in self
            if not initialized_only or hasattr(self._connections, alias)
        ]
        return (
            [*configured, *self.open_tenants.values()]
            if int(open_count)
            else configured
        )

    def close_all(self) -> None:
        """Close every connection of this thread."""
        super().close_all()
        opened = self.open_tenants
        open_count.add(-len(opened))
        opened.clear()


class SharedConnection:
    """The connection of a schema tenant, as the shared site sees it.

    Transactions are the connection's own, so that one may span shared and tenant
    tables; statements look names up where the shared tables are.
    """

    alias = SHARED_ALIAS

    def __init__(self, wrapper: BaseDatabaseWrapper) -> None:
        self.__dict__["_wrapper"] = wrapper

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wrapper, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._wrapper, name, value)

    def cursor(self) -> Any:
        """Return a cursor that stays with the shared tables."""
        return self._shared(self._wrapper.cursor())

    def chunked_cursor(self) -> Any:
        """Return a named cursor that stays with the shared tables."""
        return self._shared(self._wrapper.chunked_cursor())

    def schema_editor(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Refuse: an editor would find the tenant's tables, and change those."""
        msg = "Change shared tables inside `with override_tenant(None): ...`."
        raise NotSupported(msg)

    def _shared(self, cursor: Any) -> Any:
        cursor.cursor.carry = self._wrapper.carried_when_shared
        cursor.cursor.adapt = None  # no table of a row tenant is meant
        return cursor


def close_temporary() -> None:
    """Close this thread's connections that are not persistent; for worker threads."""
    from django.db import connections  # noqa: PLC0415  (patched when the app is ready)

    for connection in connections.all(initialized_only=True):
        if connection.settings_dict["CONN_MAX_AGE"] == 0:
            connection.close()


def is_in_transaction(connection: BaseDatabaseWrapper) -> bool:
    """Whether the connection is in a transaction but for a `TestCase`'s own."""
    if not connection.in_atomic_block:
        return False
    blocks = connection.atomic_blocks
    return not (blocks and getattr(blocks[-1], "_from_testcase", False))


def require_no_transaction() -> None:
    """Raise `RuntimeError` where this thread has a transaction open, anywhere.

    As Django's `atomic(durable=True)`, and for the tenants' databases too; those that a
    `TestCase` opens around a test do not count.
    """
    from django.db import connections  # noqa: PLC0415  (patched when the app is ready)

    for connection in connections.all(initialized_only=True):
        if is_in_transaction(connection):
            msg = (
                "A tenant cannot be made or removed inside an atomic block: a rollback "
                "would not undo it. Do it before or after."
            )
            raise RuntimeError(msg)


def refuse_in_transaction(_: TenantRef | None) -> None:
    """Raise `ActivationRefused` where the active tenant has a transaction open."""
    from django.db import connections  # noqa: PLC0415  (patched when the app is ready)

    tenant = ACTIVE.get()
    if tenant is None:
        return
    if is_in_transaction(connections[tenant.label]):
        msg = (
            f"Tenant {tenant.key!r} has a transaction open: activate() and "
            "deactivate() would split it. Use `with override_tenant(...)` inside the "
            "atomic block, or end the block first."
        )
        raise ActivationRefused(msg)
