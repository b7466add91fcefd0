"""All tenants in one set of tables, kept apart by PostgreSQL's row-level security.

The database knows the tenant column, the models do not: `tenantry_key` is in each
table, in front of every key and index, filled in by its default. The policy lets a
statement see and write the rows of the tenant that it carries; one that carries none
sees nothing. Two roles: `DATABASE` serves requests, `OPTIONS["OWNER_DATABASE"]` owns
the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.db import connections, transaction

from tenantry.conf import Problem, conf
from tenantry.context import override_tenant
from tenantry.exceptions import InvalidIdentifier, LifecycleError
from tenantry.isolation.base import Applied, Finding, Template
from tenantry.isolation.examination import QUESTIONS, ROLES, examine
from tenantry.isolation.handler import isolations
from tenantry.isolation.identifiers import (
    POSTGRESQL_MAX_BYTES,
    literal,
    quote,
    validate_key,
)
from tenantry.isolation.owner import as_owner
from tenantry.isolation.postgresql import (
    PUBLIC,
    RESERVED,
    SHARED_SCHEMA,
    SharedConnectionIsolation,
)
from tenantry.isolation.sql import statements
from tenantry.isolation.tables import (
    RECORD,
    Table,
    by_reference,
    in_batches,
    tenant_tables,
)
from tenantry.kinds import DEFAULT_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tenantry.isolation.base import Watch
    from tenantry.types import TenantRef

TEMPLATE = "~template"
# PostgreSQL does not let two sessions change rights or functions at once.
ALONE = "SELECT pg_advisory_xact_lock(hashtextextended('tenantry', 0))"
SCHEMA = "tenantry_rows"
ROWS_PER_BATCH = 5_000
LONGEST_SCHEMA = POSTGRESQL_MAX_BYTES - 21  # a kind's name follows


class RowIsolation(SharedConnectionIsolation):
    """Tenants as rows of shared tables, on one PostgreSQL database.

    Options: `OWNER_DATABASE` (alias of the role that owns and migrates the tables; the
    serving role itself unless given), `SCHEMA` (where the tables are, default
    `"tenantry_rows"`), `EXTRA_SCHEMAS` (schemas of extensions, in every tenant's path).
    """

    name = "row"
    option_names = SharedConnectionIsolation.option_names | {"OWNER_DATABASE", "SCHEMA"}
    shares_tables = True

    def __init__(self, placement: Any) -> None:
        super().__init__(placement)
        self.owner_database = self.options.get("OWNER_DATABASE")

    def schema(self, kind: str) -> str:
        """Return the schema of the tables that tenants of the kind share."""
        base = str(self.options.get("SCHEMA", SCHEMA))
        return base if kind == DEFAULT_KIND else f"{base}_{kind}"

    def home(self, ref: TenantRef) -> str:
        """Return the schema of the tables that it shares."""
        return self.schema(ref.kind)

    def rows_of(self, ref: TenantRef) -> str:
        """Return what the tenant's rows are marked with."""
        return ref.location

    def problems(self) -> list[Problem]:
        """Return what is wrong with this placement's settings."""
        found = super().problems()
        where = f"placement {self.placement.alias!r}"
        if self.owner_database is None:
            found.append(
                Problem(
                    "W042",
                    f"OPTIONS of {where} has no OWNER_DATABASE: the role that serves "
                    "requests owns the tables, so it could lift their policies.",
                    "Name an alias of DATABASES: the same database, another role.",
                )
            )
        else:
            found += self._problems_of_owner(where)
        if any(
            other is not self
            and isinstance(other, RowIsolation)
            and other.database == self.database
            and other.schema(DEFAULT_KIND) == self.schema(DEFAULT_KIND)
            for other in isolations.all()
        ):
            found.append(
                Problem(
                    "E043",
                    f"{where} has its tables in schema {self.schema('default')!r}, and "
                    "so has another placement on the same database.",
                    "Set OPTIONS['SCHEMA'] of one of them.",
                )
            )
        return found

    def _problems_of_owner(self, where: str) -> Iterator[Problem]:
        owner = conf.databases.get(str(self.owner_database))
        same = ("ENGINE", "NAME", "HOST", "PORT")
        if owner is None:
            yield Problem(
                "E041",
                f"OPTIONS['OWNER_DATABASE'] of {where} is {self.owner_database!r}, "
                "which DATABASES does not have.",
                f"There are: {', '.join(conf.databases)}.",
            )
        elif [owner.get(n, "") for n in same] != [
            self.settings.get(n, "") for n in same
        ]:
            yield Problem(
                "E041",
                f"OPTIONS['OWNER_DATABASE'] of {where} is {self.owner_database!r}, "
                f"another database than {self.database!r}.",
                "The two differ in USER and PASSWORD only: one database, two roles.",
            )

    def findings(self) -> list[Finding]:
        """Say whether roles, policies, keys and indexes are as they must be."""
        found = [*super().findings(), *self._examine(ROLES, self.schema("default"))]
        for schema in map(self.schema, conf.kinds):
            if self._recorded(schema):
                found += self._examine(QUESTIONS.keys() - ROLES, schema)
        return found

    def dangers(self) -> list[Finding]:
        """Return what must not be while requests are served, for a check."""
        schemas = [self.schema(kind) for kind in conf.kinds]
        there = [schema for schema in schemas if self._recorded(schema)]
        found = self._examine(ROLES, schemas[0])
        for schema in there:
            found += self._examine(["policies"], schema)
        return [finding for finding in found if finding.level != "ok"]

    def _examine(self, questions: Iterable[str], schema: str) -> list[Finding]:
        roles = {"serving": self._execute("SELECT current_user")[0][0]}
        with as_owner():
            roles["owner"] = self._execute("SELECT current_user")[0][0]
            found = examine(
                self._execute, questions=sorted(questions), schema=schema, **roles
            )
            return list(found)

    def repair(self) -> None:
        """Make tables and rights what they must be, where there are tables."""
        for kind in conf.kinds:
            if self._recorded(self.schema(kind)):
                self.prepare(kind)
                self.harden(kind)
                self.grant(kind)

    def location_for(self, key: str) -> str:
        """Return the key: it is what the rows are marked with."""
        validate_key(key)
        schema = self.schema(DEFAULT_KIND)
        if len(schema.encode()) > LONGEST_SCHEMA or schema in RESERVED:
            raise InvalidIdentifier(
                schema, "it is too long, or tenantry has that schema"
            )
        return key

    def template_ref(self, token: str, kind: str = DEFAULT_KIND) -> TenantRef:
        """Return the template: a tenant whose rows are beside the others'."""
        del token  # there is one for all tenants that share the tables
        return self.ref(key=TEMPLATE, location=TEMPLATE, kind=kind)

    def tables(self, kind: str) -> list[Table]:
        """Return the tenant tables that tenants of the kind share."""
        return tenant_tables(self._execute, self.schema(kind))

    def exists(self, ref: TenantRef) -> bool:
        """Whether the tables are there."""
        return self._recorded(self.schema(ref.kind))

    def _recorded(self, schema: str) -> bool:
        sql = "SELECT to_regclass(%s) IS NOT NULL"
        return bool(self._execute(sql, [f"{quote(schema)}.{RECORD}"])[0][0])

    def is_occupied(self, ref: TenantRef) -> bool:
        """Whether there are rows of the tenant."""
        schema = self.schema(ref.kind)
        if not self._recorded(schema):
            return False
        asked = "SELECT tenantry.is_occupied(%s)"
        return bool(self._execute(asked, [schema], tenant=ref)[0][0])

    def prepare(self, kind: str) -> None:
        """Make the schemas and what protects tables, as the owner; or do nothing."""
        with (
            override_tenant(None),
            as_owner(),
            transaction.atomic(using=self.database),
        ):
            self._execute(ALONE)
            self._execute(statements("row")["support"])
            self._execute(f"CREATE SCHEMA IF NOT EXISTS {quote(self.schema(kind))}")

    def grant(self, kind: str) -> None:
        """Let the serving role use the tables: those there, and those made later.

        What has been migrated it may read only.
        """
        role = self._execute("SELECT current_user")[0][0]
        rights = "SELECT, INSERT, UPDATE, DELETE"
        with as_owner(), transaction.atomic(using=self.database):
            if role == self._execute("SELECT current_user")[0][0]:
                return
            self._execute(ALONE)
            self._let_serve("tenantry", role, "SELECT")
            for name in (self.schema(kind), PUBLIC, SHARED_SCHEMA):
                self._let_serve(name, role, rights)

    def _let_serve(self, *facts: str) -> None:
        if self._execute("SELECT to_regnamespace(%s)", [quote(facts[0])])[0][0]:
            self._execute("CALL tenantry.let_serve(%s, %s, %s)", facts)

    def harden(self, kind: str) -> None:
        """Make every table of the kind a tenant table, those that are not yet."""
        with as_owner():
            ref = self.template_ref("", kind)
            self._execute("CALL tenantry.harden(%s)", [self.schema(kind)], tenant=ref)

    def create_empty(self, ref: TenantRef) -> None:
        """Do nothing: a tenant without rows is there."""

    def create_from(self, ref: TenantRef, template: Template) -> None:
        """Copy the template's rows: one message, whole or not at all."""
        self._execute(template.sql, tenant=ref)

    def capture(self, ref: TenantRef) -> Template | None:
        """Return the template's rows as SQL, for tables as they are now migrated."""
        schema = quote(self.schema(ref.kind))
        tables = self.tables(ref.kind)
        number = self._execute(f"SELECT count(*) FROM {schema}.{RECORD}")[0][0]
        home = literal(self.schema(ref.kind))
        sql = [f"SELECT tenantry.require_at_rest({home}, {int(number)});"]
        with as_owner():
            for circle in by_reference(tables):
                sql += [self._inserts(schema, table, ref) for table in circle]
        return Template(token=TEMPLATE, sql="\n".join(filter(None, sql)))

    def _inserts(self, schema: str, table: Table, ref: TenantRef) -> str:
        """Return the SQL that makes the template's rows of a table another tenant's."""
        name = f"{schema}.{quote(table.name)}"
        columns = ", ".join(map(quote, table.columns))
        values = ", ".join(f"quote_nullable({quote(c)}::text)" for c in table.columns)
        rows = self._execute(
            f"SELECT '(' || concat_ws(', ', {values}) || ')' FROM {name}",
            tenant=ref,
        )
        if not rows:
            return ""
        listed = ",\n".join(row[0] for row in rows)
        return f"INSERT INTO {name} ({columns}) VALUES\n{listed};"

    def destroy(self, ref: TenantRef, *, watch: Watch | None = None) -> None:
        """Delete every row of the tenant, in bounded batches, referring ones first."""
        gone = 0
        schema = self.schema(ref.kind)
        for circle in reversed(list(by_reference(self.tables(ref.kind)))):
            for number in self._delete(ref, schema, circle):
                gone += number
                if watch is not None:
                    watch(gone)

    def _delete(
        self, ref: TenantRef, schema: str, circle: Sequence[Table]
    ) -> Iterator[int]:
        """Yield how many rows each batch has deleted.

        Rows that refer to each other in a circle have no order: they go together.
        """
        if len(circle) == 1:
            (batch,) = in_batches(schema, circle, ROWS_PER_BATCH)
            while number := self._count(ref, [batch]):
                yield number
            if not circle[0].refers_to_itself:
                return
        names = [f"{quote(schema)}.{quote(table.name)}" for table in circle]
        if number := self._count(ref, [f"DELETE FROM {name}" for name in names]):
            yield number

    def _count(self, ref: TenantRef, sql: Sequence[str]) -> int:
        """Run the statements for the tenant in one transaction; return rows changed."""
        number = 0
        with (
            override_tenant(ref),
            transaction.atomic(using=ref.label),
            connections[ref.label].cursor() as cursor,
        ):
            for each in sql:
                cursor.execute(each)
                number += cursor.rowcount
        return number

    def applied_migrations(
        self, refs: Sequence[TenantRef]
    ) -> Mapping[TenantRef, Applied | Exception]:
        """Ask the tables of each kind once: what one tenant has, all have."""
        found = {kind: self.applied(kind) for kind in {ref.kind for ref in refs}}
        return {ref: found[ref.kind] or _nothing(ref) for ref in refs}

    def applied(self, kind: str) -> Applied:
        """Return the migrations recorded for the kind; none where it has no tables."""
        schema = self.schema(kind)
        if not self._recorded(schema):
            return frozenset()
        rows = self._execute(f"SELECT app, name FROM {quote(schema)}.{RECORD}")
        return frozenset((app, name) for app, name in rows)

    def describe(self, ref: TenantRef) -> dict[str, str]:
        """Return the database, the schema, and what marks the tenant's rows."""
        schema = self.schema(ref.kind)
        return {
            "database": str(self.settings.get("NAME")),
            "schema": schema,
            "rows": f"tenantry_key = '{ref.location}'",
            "search path": ", ".join(self.path(ref)),
        }


def _nothing(ref: TenantRef) -> LifecycleError:
    return LifecycleError(
        ref.key,
        "read",
        "the tables of its kind are not there",
        next_step="Make them: `manage.py tenants migrate`.",
    )
