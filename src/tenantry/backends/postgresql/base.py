"""Django's PostgreSQL engine; its connection serves shared tables and schema tenants.

The wrapper asks at each statement which tenant is active (`carried`), so that switching
costs nothing and one connection per thread serves any number of tenants.
"""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, cast

from django.core.exceptions import ImproperlyConfigured
from django.db.backends.postgresql import base as django_base
from psycopg import ClientCursor

from tenantry.backends.postgresql.alone import qualified
from tenantry.backends.postgresql.binding import BoundCursor
from tenantry.backends.postgresql.client import DatabaseClient
from tenantry.backends.postgresql.conflict import within_tenant
from tenantry.backends.postgresql.creation import DatabaseCreation
from tenantry.backends.postgresql.definitions import within_tenants
from tenantry.backends.postgresql.extensions import for_everyone
from tenantry.backends.postgresql.introspection import DatabaseIntrospection
from tenantry.backends.postgresql.operations import DatabaseOperations
from tenantry.backends.postgresql.queues import asked_once
from tenantry.backends.postgresql.rows import RowSchemaEditor
from tenantry.backends.postgresql.schema import DatabaseSchemaEditor
from tenantry.backends.postgresql.sequences import only_raised
from tenantry.backends.postgresql.statement import CarryingCursor, CarryingServerCursor
from tenantry.backends.postgresql.views import as_ordinary
from tenantry.context import ACTIVE, override_tenant
from tenantry.isolation.base import NOTHING
from tenantry.isolation.handler import isolations
from tenantry.isolation.identifiers import quote
from tenantry.isolation.owner import ACTING, as_owner, residents, served
from tenantry.isolation.postgresql import (
    PUBLIC,
    SHARED_SCHEMA,
    SharedConnectionIsolation,
    carried,
    nobody,
)
from tenantry.isolation.tables import KEY
from tenantry.types import LABEL_PREFIX

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.isolation.base import Carried
    from tenantry.types import TenantRef

ORDINARY = ("SELECT ", "INSERT ", "UPDATE ", "DELETE ")
HAS_KEY = (
    "EXISTS (SELECT FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid "
    f"AND a.attname = '{KEY}' AND NOT a.attisdropped)"
)
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


# By whether the server binds parameters.
CURSORS: dict[bool, tuple[Any, Any]] = {
    False: (Cursor, ServerSideCursor),
    True: (ServerBindingCursor, BindingServerSideCursor),
}


@cache
def carrying(factory: Any) -> Any:
    """Return the project's own class of cursors, as one that carries its tenant."""
    mixin = CarryingCursor if issubclass(factory, ClientCursor) else BoundCursor
    return type(factory.__name__, (mixin, factory), {"__module__": __name__})


class DatabaseWrapper(django_base.DatabaseWrapper):
    """One connection per thread for shared tables and all schema tenants."""

    client_class = DatabaseClient
    creation_class = DatabaseCreation
    introspection_class = DatabaseIntrospection
    ops_class = DatabaseOperations

    def __init__(self, settings_dict: dict[str, Any], alias: str = "default") -> None:
        self.configured_alias = alias
        self.creating_shared_half = False
        super().__init__(settings_dict, alias)

    @property
    def alias(self) -> str:
        """The active tenant's label, as Django compares it with `QuerySet.db`.

        The owner's connection answers to the alias that it stands in for.
        """
        tenant = self.tenant
        if tenant is not None:
            return tenant.label
        alias = self.configured_alias
        return served[alias] if ACTING.get() else alias

    @alias.setter
    def alias(self, value: str) -> None:
        self.configured_alias = value

    @property
    def tenant(self) -> TenantRef | None:
        """The active tenant, where it lives on this connection."""
        tenant = ACTIVE.get()
        if tenant is None:
            return None
        return tenant if residents[self.configured_alias][tenant.placement] else None

    @property
    def shares_tables(self) -> bool:
        """Whether the active tenant's tables on this connection hold others' rows."""
        tenant = self.tenant
        return tenant is not None and isolations[tenant.placement].shares_tables

    @property
    def SchemaEditorClass(self) -> Any:  # type: ignore[override]  # noqa: N802  (Django's)
        """The schema editor for the tables of the active tenant."""
        return RowSchemaEditor if self.shares_tables else DatabaseSchemaEditor

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
        database = served[self.configured_alias]
        extra = [
            name
            for isolation in isolations.all()
            if isinstance(isolation, SharedConnectionIsolation)
            and isolation.database == database
            for name in isolation.extra
        ]
        rows_of = nobody(database)
        return (
            carried((PUBLIC, SHARED_SCHEMA, *extra), rows_of),
            carried((SHARED_SCHEMA, PUBLIC, *extra), rows_of),
        )

    def adapt(self, query: Any) -> Any:
        """Return the statement as the tables of the active tenant need it."""
        tenant = self.tenant
        if tenant is None:
            return query
        if isolations[tenant.placement].shares_tables:
            query = asked_once(within_tenant(query, self), self)
            query = only_raised(query, self)
        if not isinstance(query, str):
            return query
        if query.startswith(ORDINARY) and ";" not in query:
            return query
        return self._definition(query)

    def _definition(self, sql: str) -> str:
        """Return SQL that may define something, as it is for the tenant."""
        if self.shares_tables:
            sql = within_tenants(as_ordinary(sql, self), self)
        return for_everyone(qualified(sql, self), self)

    @property
    def extension_schema(self) -> str:
        """The schema that extensions are made in: all tenants' paths lead there."""
        tenant = self.tenant
        isolation = tenant and isolations[tenant.placement]
        extra = cast("SharedConnectionIsolation", isolation).extra if tenant else ()
        return next(iter(extra), PUBLIC)

    @cached_property
    def tenant_tables(self) -> set[tuple[str, str]]:
        """Tables known to be row tenants', by schema and name, or as written."""
        return set()

    def _known(self, what: str, name: str) -> Any:
        """Return what the catalogue says of a relation, named as in SQL."""
        # Past Django's cursor: nobody's list of queries is to show this one.
        with self.create_cursor() as cursor:
            cursor.execute(
                f"SELECT {what} FROM pg_catalog.pg_class c "  # noqa: S608  (our own)
                "WHERE c.oid = to_regclass(%s)",
                [name],
            )
            row = cursor.fetchone()
        return None if row is None else row[0]

    def holds_tenants(self, table: str) -> bool:
        """Whether the table, named as in SQL, holds rows of row tenants."""
        known = self.own_schemas[0], table
        if known not in self.tenant_tables:
            if not self._known(HAS_KEY, table):
                return False
            self.tenant_tables.add(known)
        return True

    def is_view(self, name: str) -> bool:
        """Whether there is a view of that name, written as in SQL."""
        return bool(self._known("c.relkind = 'v'", name))

    def schema_of(self, name: str) -> str | None:
        """Return the schema in which a bare name, written as in SQL, is found."""
        schema: str | None = self._known("c.relnamespace::regnamespace::text", name)
        return None if schema is None else schema.replace('"', "")

    @property
    def own_schemas(self) -> tuple[str, ...]:
        """The schemas whose tables are this connection's own, for introspection."""
        tenant = self.tenant
        if tenant is not None:
            isolation = cast("SharedConnectionIsolation", isolations[tenant.placement])
            return (isolation.home(tenant),)
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
        with self._as_configured():
            return super().pool

    def close_pool(self) -> None:
        """Close the server's pool."""
        with self._as_configured():
            super().close_pool()

    def connect(self) -> None:
        """Connect; what Django remembers of the server goes by the configured alias."""
        with self._as_configured():
            super().connect()

    @contextmanager
    def _as_configured(self) -> Iterator[None]:
        """Let the connection go by its own alias for a block."""
        with override_tenant(None), as_owner(False):  # noqa: FBT003
            yield

    def get_new_connection(self, conn_params: Any) -> Any:
        """Connect; raw psycopg cursors of the connection carry the tenant as well."""
        connection = super().get_new_connection(conn_params)
        ordinary, named = self._cursor_classes
        connection.cursor_factory = self._carrying(ordinary)
        connection.server_cursor_factory = self._carrying(named)
        return connection

    @property
    def _cursor_classes(self) -> tuple[Any, Any]:
        """The classes of ordinary and of named cursors, as the options now are."""
        options = self.settings_dict["OPTIONS"]
        ordinary, named = CURSORS[options.get("server_side_binding") is True]
        factory = options.get("cursor_factory")
        return carrying(factory) if factory else ordinary, named

    def _carrying(self, factory: Any) -> Callable[..., Any]:
        def make(connection: Any, *args: Any, **kwargs: Any) -> Any:
            cursor = factory(connection, *args, **kwargs)
            cursor.carry = self.carried
            cursor.adapt = self.adapt
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
            make = self._carrying(self._cursor_classes[1])
            cursor = make(self.connection, name, scrollable=False, withhold=held)
        else:
            cursor = self._cursor_classes[0](self.connection)
            cursor.carry = self.carried
            cursor.adapt = self.adapt
        loader = self.connection.adapters.get_loader(
            base.TIMESTAMPTZ_OID, base.Format.TEXT
        )
        if self.timezone != loader.timezone:
            base.register_tzloader(self.timezone, cursor)
        return cursor
