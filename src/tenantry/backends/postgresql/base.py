"""Django's PostgreSQL engine; its connection serves shared tables and schema tenants.

The wrapper asks at each statement which tenant is active (`carried`), so that switching
costs nothing and one connection per thread serves any number of tenants.
"""

from __future__ import annotations

from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as django_base

from tenantry.backends.postgresql.alone import qualified
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

ORDINARY = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")
base: Any = django_base  # django-stubs do not know all of it

if not base.is_psycopg3:
    msg = "tenantry.backends.postgresql needs psycopg 3: pip install 'psycopg[binary]'."
    raise ImproperlyConfigured(msg)


class Cursor(CarryingCursor, django_base.Cursor):
    """The cursor of ordinary statements."""


class ServerSideCursor(CarryingServerCursor, django_base.ServerSideCursor):
    """The named cursor of `QuerySet.iterator()`."""


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

    def adapt(self, query: Any) -> Any:
        """Return the statement as the tables of the active tenant need it."""
        if isinstance(query, str) and not query.startswith(ORDINARY):
            return qualified(query, self.own_schemas[0]) if self.tenant else query
        return query

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

    def get_connection_params(self) -> dict[str, Any]:
        """Return Django's parameters, refusing what cannot carry a tenant."""
        if self.settings_dict["OPTIONS"].get("server_side_binding"):
            msg = (
                f"DATABASES[{self.configured_alias!r}]['OPTIONS'] asks for "
                "server_side_binding, by which a statement cannot carry its tenant. "
                "Remove it: Django's default is to do without."
            )
            raise ImproperlyConfigured(msg)
        return super().get_connection_params()

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect; raw psycopg cursors of the connection carry the tenant as well."""
        connection = super().get_new_connection(conn_params)
        connection.cursor_factory = self._carrying(Cursor)
        connection.server_cursor_factory = self._carrying(ServerSideCursor)
        return connection

    def _carrying(self, factory: Any) -> Callable[..., Any]:
        def make(connection: Any, *args: Any, **kwargs: Any) -> Any:
            cursor = factory(connection, *args, **kwargs)
            cursor.carry = self.carried
            cursor.adapt = self.adapt
            return cursor

        return make

    def create_cursor(self, name: str | None = None) -> Any:
        """Create a cursor that carries the tenant active when it executes."""
        if name:
            held = self.connection.autocommit
            cursor = self.connection.cursor(name, scrollable=False, withhold=held)
        else:
            make: Any = Cursor
            cursor = make(self.connection)
            cursor.carry = self.carried
            cursor.adapt = self.adapt
        loader = self.connection.adapters.get_loader(
            base.TIMESTAMPTZ_OID, base.Format.TEXT
        )
        if self.timezone != loader.timezone:
            base.register_tzloader(self.timezone, cursor)
        return cursor
