"""Django's PostgreSQL engine; its connection serves shared tables and schema tenants.

The wrapper asks at each statement which tenant is active (`carried`), so that switching
costs nothing and one connection per thread serves any number of tenants.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as django_base

from tenantry.backends.postgresql.binding import BoundCursor
from tenantry.backends.postgresql.introspection import DatabaseIntrospection
from tenantry.backends.postgresql.schema import DatabaseSchemaEditor
from tenantry.backends.postgresql.statement import CarryingCursor, CarryingServerCursor
from tenantry.context import ACTIVE, override_tenant
from tenantry.isolation.base import NOTHING
from tenantry.isolation.handler import isolations
from tenantry.isolation.identifiers import quote
from tenantry.isolation.schema import (
    PUBLIC,
    SHARED_SCHEMA,
    SchemaIsolation,
    carried,
)
from tenantry.types import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.isolation.base import Carried
    from tenantry.types import TenantRef

base: Any = django_base  # django-stubs do not know all of it

if not base.is_psycopg3:
    msg = "tenantry.backends.postgresql needs psycopg 3: pip install 'psycopg[binary]'."
    raise ImproperlyConfigured(msg)


class Cursor(CarryingCursor, django_base.Cursor):
    """The cursor of ordinary statements."""


class ServerBindingCursor(BoundCursor, base.ServerBindingCursor):  # type: ignore[misc]
    """The cursor of ordinary statements, with OPTIONS["server_side_binding"]."""


class ServerSideCursor(CarryingServerCursor, django_base.ServerSideCursor):
    """The named cursor of `QuerySet.iterator()`."""


class BindingServerSideCursor(CarryingServerCursor, base.Database.ServerCursor):  # type: ignore[misc]
    """The named cursor, with OPTIONS["server_side_binding"]."""


class DatabaseWrapper(django_base.DatabaseWrapper):
    """One connection per thread for shared tables and all schema tenants."""

    SchemaEditorClass = DatabaseSchemaEditor
    introspection_class = DatabaseIntrospection

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        self.configured_alias = alias
        self.creating_shared_half = False
        super().__init__(settings_dict, alias)

    @property
    def alias(self) -> str:
        """The active tenant's label, as Django compares it with `QuerySet.db`."""
        tenant = self.tenant
        return self.configured_alias if tenant is None else tenant.label

    @alias.setter
    def alias(self, value: str) -> None:
        self.configured_alias = value

    @property
    def tenant(self) -> TenantRef | None:
        """The active tenant, where it lives on this connection."""
        tenant = ACTIVE.get()
        if tenant is None:
            return None
        isolation = isolations[tenant.placement]
        if not isolation.shares_connection:
            return None
        return tenant if isolation.database == self.configured_alias else None

    @property
    def serves_shared(self) -> bool:
        """Whether this is a configured database, and not one tenant's own."""
        return not self.configured_alias.startswith(LABEL_PREFIX)

    def carried(self) -> Carried:
        """Return the settings that the next statement carries in front of it."""
        tenant = self.tenant
        if tenant is None:
            return self.carried_when_shared() if self.serves_shared else NOTHING
        return isolations[tenant.placement].carried(tenant)

    def carried_when_shared(self) -> Carried:
        """Return what statements on shared tables carry."""
        return self._shared_paths[self.creating_shared_half]

    @cached_property
    def _shared_paths(self) -> tuple[Carried, Carried]:
        """What statements of the shared site carry: usually, and in `shared_half`."""
        extra = [
            name
            for isolation in isolations.all()
            if isinstance(isolation, SchemaIsolation)
            and isolation.database == self.configured_alias
            for name in isolation.extra
        ]
        return (
            carried(PUBLIC, SHARED_SCHEMA, *extra),
            carried(SHARED_SCHEMA, PUBLIC, *extra),
        )

    @property
    def own_schemas(self) -> tuple[str, ...]:
        """The schemas whose tables are this connection's own, for introspection."""
        tenant = self.tenant
        if tenant is not None:
            return (tenant.location,)
        return (PUBLIC, SHARED_SCHEMA)

    @contextmanager
    def shared_half(self) -> Iterator[None]:
        """Create tables of an app in both lists where no tenant's path leads."""
        with self.cursor() as cursor:
            cursor.execute(f"CREATE SCHEMA IF NOT EXISTS {quote(SHARED_SCHEMA)}")
        self.creating_shared_half = True
        try:
            yield
        finally:
            self.creating_shared_half = False

    @property
    def pool(self) -> Any:
        """The pool of the server: one for all tenants, under the configured alias."""
        if not self.settings_dict["OPTIONS"].get("pool"):
            return None
        with override_tenant(None):
            return super().pool

    def close_pool(self) -> None:
        """Close the server's pool."""
        with override_tenant(None):
            super().close_pool()

    def connect(self) -> None:
        """Connect; what Django remembers of the server goes by the configured alias."""
        with override_tenant(None):
            super().connect()

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect; raw psycopg cursors of the connection carry the tenant as well."""
        connection = super().get_new_connection(conn_params)
        ordinary, named = self._cursor_classes
        connection.cursor_factory = self._carrying(ordinary)
        connection.server_cursor_factory = self._carrying(named)
        return connection

    @cached_property
    def _cursor_classes(self) -> tuple[Any, Any]:
        """The classes of ordinary and of named cursors."""
        if self.settings_dict["OPTIONS"].get("server_side_binding") is True:
            return ServerBindingCursor, BindingServerSideCursor
        return Cursor, ServerSideCursor

    def _carrying(self, factory: Any) -> Callable[..., Any]:
        def make(connection: Any, *args: Any, **kwargs: Any) -> Any:
            cursor = factory(connection, *args, **kwargs)
            cursor.carry = self.carried
            return cursor

        return make

    def create_cursor(self, name: str | None = None) -> Any:
        """Create a cursor that carries the tenant active when it executes.

        The name of a named one is unique. Django's is not, over processes: behind a
        pooler a FETCH may land where another process has a cursor of the same name,
        declared in another tenant.
        """
        if name:
            held = self.connection.autocommit
            name = f"{name}_{secrets.token_hex(6)}"
            cursor = self.connection.cursor(name, scrollable=False, withhold=held)
        else:
            cursor = self._cursor_classes[0](self.connection)
            cursor.carry = self.carried
        loader = self.connection.adapters.get_loader(
            base.TIMESTAMPTZ_OID, base.Format.TEXT
        )
        if self.timezone != loader.timezone:
            base.register_tzloader(self.timezone, cursor)
        return cursor
