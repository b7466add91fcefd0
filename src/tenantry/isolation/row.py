"""All tenants in one set of tables, kept apart by PostgreSQL's row-level security.

The database knows the tenant column, the models do not: `tenantry_key` is in each
table, in front of every key and index, filled in by its default. The policy lets a
statement see and write the rows of the tenant that it carries; one that carries none
sees nothing. Two roles: `DATABASE` serves requests, `OPTIONS["OWNER_DATABASE"]` owns
the tables.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.conf import Problem, conf
from tenantry.exceptions import InvalidIdentifier, LifecycleError
from tenantry.isolation.base import Applied, Finding, Template
from tenantry.isolation.examination import QUESTIONS, ROLES, examine
from tenantry.isolation.handler import isolations
from tenantry.isolation.identifiers import POSTGRESQL_MAX_BYTES, validate_key
from tenantry.isolation.owner import as_owner
from tenantry.isolation.postgresql import RESERVED, SharedConnectionIsolation
from tenantry.isolation.shared_tables import SharedTables
from tenantry.kinds import DEFAULT_KIND

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from tenantry.isolation.base import Watch
    from tenantry.types import TenantRef

TEMPLATE = "~template"
FRESH = "fresh"
SCHEMA = "tenantry_rows"
LONGEST_SCHEMA = POSTGRESQL_MAX_BYTES - 21  # a kind's name follows


class RowIsolation(SharedConnectionIsolation):
    """Tenants as rows of shared tables, on one PostgreSQL database.

    Options: `OWNER_DATABASE` (alias of the role that owns and migrates the tables; the
    serving role itself unless given), `SCHEMA` (where the tables are, default
    `"tenantry_rows"`), `EXTRA_SCHEMAS` (schemas of extensions, in every tenant's path),
    `APPLICATION_NAME` (what the server shows meanwhile: `"shop:{key}"`).
    """

    name = "row"
    option_names = SharedConnectionIsolation.option_names | {"OWNER_DATABASE", "SCHEMA"}
    shares_tables = True
    supports_transactional_ddl = True
    supports_adoption = True

    def __init__(self, placement: Any) -> None:
        super().__init__(placement)
        self.owner_database = self.options.get("OWNER_DATABASE")

    def schema(self, kind: str) -> str:
        """Return the schema of the tables that tenants of the kind share."""
        base = str(self.options.get("SCHEMA", SCHEMA))
        return base if kind == DEFAULT_KIND else f"{base}_{kind}"

    def home(self, ref: TenantRef) -> str:
        """Return the schema of the tables that it shares."""
        schema = self.schema(ref.kind)
        return f"{schema}~{FRESH}" if ref.key == f"~{FRESH}" else schema

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
        for shared in self._all_tables():
            found += self._examine(QUESTIONS.keys() - ROLES, shared.schema)
        return found

    def dangers(self) -> list[Finding]:
        """Return what must not be while requests are served, for a check."""
        found = self._examine(ROLES, self.schema(DEFAULT_KIND))
        for shared in self._all_tables():
            found += self._examine(["policies"], shared.schema)
        return [finding for finding in found if finding.level != "ok"]

    def _examine(self, questions: Iterable[str], schema: str) -> list[Finding]:
        roles = {"serving": self.execute("SELECT current_user")[0][0]}
        with as_owner():
            roles["owner"] = self.execute("SELECT current_user")[0][0]
            found = examine(
                self.execute, questions=sorted(questions), schema=schema, **roles
            )
            return list(found)

    def repair(self) -> None:
        """Make tables and rights what they must be, where there are tables."""
        for shared in self._all_tables():
            shared.prepare()
            shared.harden()
            shared.grant()

    def _all_tables(self) -> list[SharedTables]:
        """Return the tables of each kind, where they are there."""
        found = [SharedTables(self, self.schema(kind)) for kind in conf.kinds]
        return [shared for shared in found if shared.are_there()]

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
        """Return the template: a tenant whose rows are beside the others'.

        With the token `FRESH`: the same, in tables where no other tenant is.
        """
        key = f"~{FRESH}" if token == FRESH else TEMPLATE
        return self.ref(key=key, location=TEMPLATE, kind=kind)

    def tables_of(self, ref: TenantRef) -> SharedTables:
        """Return the tables in which the tenant's rows are."""
        return SharedTables(self, self.home(ref))

    def exists(self, ref: TenantRef) -> bool:
        """Whether the tables are there."""
        return self.tables_of(ref).are_there()

    def is_occupied(self, ref: TenantRef) -> bool:
        """Whether there are rows of the tenant."""
        return self.tables_of(ref).have_rows_of(ref)

    def create_empty(self, ref: TenantRef) -> None:
        """Do nothing: a tenant without rows is there."""

    def create_from(self, ref: TenantRef, template: Template) -> None:
        """Copy the template's rows: one message, whole or not at all."""
        self.execute(template.sql, tenant=ref)

    def capture(self, ref: TenantRef) -> Template | None:
        """Return the template's rows as SQL, for tables as they are now migrated."""
        return Template(token=TEMPLATE, sql=self.tables_of(ref).rows_as_sql(ref))

    def destroy(self, ref: TenantRef, *, watch: Watch | None = None) -> None:
        """Delete every row of the tenant, in bounded batches, referring ones first."""
        gone = 0
        for number in self.tables_of(ref).delete_rows_of(ref):
            gone += number
            if watch is not None:
                watch(gone)

    def adopt(
        self, ref: TenantRef, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Make the tables those that row tenants share, their rows the tenant's."""
        del halves  # made anew by the caller
        shared = self.tables_of(ref)
        shared.prepare()
        self.move(tables, shared.schema)
        shared.harden(ref)
        shared.grant()

    def applied_migrations(
        self, refs: Sequence[TenantRef]
    ) -> Mapping[TenantRef, Applied | Exception]:
        """Ask the tables of each kind once: what one tenant has, all have."""
        one_of = {ref.kind: ref for ref in refs}
        found = {kind: self.tables_of(ref).applied() for kind, ref in one_of.items()}
        return {ref: found[ref.kind] or _nothing(ref) for ref in refs}

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
