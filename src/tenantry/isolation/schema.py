"""One PostgreSQL schema per tenant; all share a connection, as mechanism 2 says.

The search path travels with each statement (`backends/postgresql`). It holds the
tenant's schema and `public`, where shared-only apps live. The shared halves of apps in
both lists live in `tenantry_shared`, which is in no tenant's path: a table missing in a
tenant is an error, never a silent read of shared rows.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, Any, cast

from django.db import connections

from tenantry.exceptions import InvalidIdentifier, LifecycleError
from tenantry.isolation.base import Applied, Template
from tenantry.isolation.identifiers import POSTGRESQL_MAX_BYTES, quote, render
from tenantry.isolation.postgresql import RESERVED, SharedConnectionIsolation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.isolation.base import Watch
    from tenantry.types import TenantRef

SCHEMAS_PER_QUERY = 250

# pg_dump's session settings, made local to the transaction that replays them.
SESSION_SETTING = re.compile(
    r"^SET (statement_timeout|lock_timeout|idle_in_transaction_session_timeout"
    r"|transaction_timeout|client_encoding|standard_conforming_strings"
    r"|check_function_bodies|xmloption|client_min_messages|row_security"
    r"|default_tablespace|default_table_access_method) = ",
    re.MULTILINE,
)
SEARCH_PATH_RESET = "SELECT pg_catalog.set_config('search_path', '', false);"
CREATE_SCHEMA = re.compile(r"^CREATE SCHEMA .*;$", re.MULTILINE)
PSQL_COMMAND = re.compile(r"^\\(un)?restrict .*$", re.MULTILINE)


class SchemaIsolation(SharedConnectionIsolation):
    """A schema per tenant, on one PostgreSQL database.

    Options: `NAME` (pattern of the schema's name, default `"{key}"`),
    `EXTRA_SCHEMAS` (schemas of extensions, in every tenant's path),
    `APPLICATION_NAME` (what the server shows meanwhile: `"shop:{key}"`),
    `PG_DUMP` (path of pg_dump, by which templates are copied).
    """

    name = "schema"
    option_names = SharedConnectionIsolation.option_names | {"NAME", "PG_DUMP"}
    supports_transactional_ddl = True
    supports_adoption = True

    def home(self, ref: TenantRef) -> str:
        """Return the tenant's own schema."""
        return ref.location

    def location_for(self, key: str) -> str:
        """Return the schema's name."""
        pattern = self.options.get("NAME", "{key}")
        name = render(pattern, key, max_bytes=POSTGRESQL_MAX_BYTES)
        if name in RESERVED or name in self.extra or name.startswith("pg_"):
            raise InvalidIdentifier(name, "PostgreSQL or tenantry has that schema")
        if name == self.settings.get("USER"):
            raise InvalidIdentifier(
                name, 'it is the database role: "$user" in a search path would find it'
            )
        return name

    def template_location(self, token: str) -> str:
        """Return a name that must be quoted, so that each occurrence of it is."""
        return f"tenantry-template-{token}"

    def exists(self, ref: TenantRef) -> bool:
        """Whether the schema is there."""
        sql = "SELECT 1 FROM pg_namespace WHERE nspname = %s"
        return bool(self.execute(sql, [ref.location]))

    def create_empty(self, ref: TenantRef) -> None:
        """Make the schema."""
        self.execute(f"CREATE SCHEMA {quote(ref.location)}")

    def create_from(self, ref: TenantRef, template: Template) -> None:
        """Replay the template's SQL, whole or not at all."""
        location = quote(ref.location)
        sql = f"CREATE SCHEMA {location};\n" + template.sql.replace(
            quote(template.token), location
        )
        # Without parameters psycopg sends the text as it is, percent signs included.
        # Its many statements are one message, which PostgreSQL runs as one transaction.
        self.execute(sql)

    def destroy(self, ref: TenantRef, *, watch: Watch | None = None) -> None:
        """Drop the schema and all that it holds."""
        del watch  # it goes in one step
        self.execute(f"DROP SCHEMA IF EXISTS {quote(ref.location)} CASCADE")

    def capture(self, ref: TenantRef) -> Template | None:
        """Return the schema as SQL, by pg_dump; None where there is no pg_dump."""
        pg_dump = shutil.which(self.options.get("PG_DUMP", "pg_dump"))
        if pg_dump is None:
            return None
        connection = cast("Any", connections[self.database])
        arguments, environment = connection.client_class.settings_to_cmd_args_env(
            connection.settings_dict, []
        )
        command = [
            pg_dump,
            *arguments[1:],
            f"--schema={quote(ref.location)}",
            "--inserts",
            "--rows-per-insert=500",
            "--no-owner",
            "--no-privileges",
            "--no-comments",
        ]
        done = subprocess.run(  # noqa: S603  (our own arguments, no shell)
            command,
            env={**os.environ, **(environment or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise LifecycleError(
                ref.key,
                "template",
                f"pg_dump failed: {done.stderr.strip()}",
                next_step="Name a pg_dump at least as new as the server in "
                "OPTIONS['PG_DUMP'] of the placement.",
            )
        return Template(token=ref.location, sql=replayable(done.stdout))

    def applied_migrations(
        self, refs: Sequence[TenantRef]
    ) -> Mapping[TenantRef, Applied | Exception]:
        """Ask all the tenants' tables at once, a few hundred to a query."""
        found: dict[TenantRef, Applied | Exception] = {}
        for start in range(0, len(refs), SCHEMAS_PER_QUERY):
            found.update(self._applied(refs[start : start + SCHEMAS_PER_QUERY]))
        return found

    def _applied(
        self, refs: Sequence[TenantRef]
    ) -> dict[TenantRef, Applied | Exception]:
        located = {
            row[0]
            for row in self.execute(
                "SELECT name FROM unnest(%s::text[]) AS name WHERE to_regclass("
                "format('%%I.django_migrations', name)) IS NOT NULL",
                [[ref.location for ref in refs]],
            )
        }
        present = [ref for ref in refs if ref.location in located]
        applied: dict[TenantRef, set[tuple[str, str]]] = {ref: set() for ref in present}
        if present:
            union = " UNION ALL ".join(
                f"SELECT {number}, app, name FROM "
                f"{quote(ref.location)}.django_migrations"
                for number, ref in enumerate(present)
            )
            for number, app, name in self.execute(union):
                applied[present[number]].add((app, name))
        missing = {
            ref: LifecycleError(
                ref.key,
                "read",
                f"schema {ref.location!r} has no django_migrations table",
                next_step=f"Finish it: `manage.py tenants create --resume {ref.key}`.",
            )
            for ref in refs
            if ref.location not in located
        }
        return {**missing, **{ref: frozenset(rows) for ref, rows in applied.items()}}

    def adopt(
        self, ref: TenantRef, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Move the tables into the tenant's schema, with what is recorded of them.

        The shared halves are made anew by the caller.
        """
        del halves
        self.execute(f"CREATE SCHEMA {quote(ref.location)}")
        self.move(tables, ref.location)

    def describe(self, ref: TenantRef) -> dict[str, str]:
        """Return the database and the schema."""
        return {
            "database": str(self.settings.get("NAME")),
            "schema": ref.location,
            "search path": ", ".join(self.path(ref)),
        }


def replayable(dump: str) -> str:
    """Return pg_dump's text without what would outlive the transaction it is sent in.

    What is meant for psql goes; session settings become local ones.
    """
    sql = PSQL_COMMAND.sub("", dump)
    sql = CREATE_SCHEMA.sub("", sql, count=1)
    sql = SESSION_SETTING.sub(r"SET LOCAL \1 = ", sql)
    return sql.replace(SEARCH_PATH_RESET, "SET LOCAL search_path TO '';")
