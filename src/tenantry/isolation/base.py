"""What every isolation offers: where tenants live, made, copied and removed.

An isolation never imports a model: Django opens connections while models are built.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, cast

from django.db import connections

from tenantry.conf import conf
from tenantry.exceptions import NotSupported
from tenantry.kinds import DEFAULT_KIND
from tenantry.types import TenantRef

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tenantry.conf import Placement, Problem

SHARED_DATABASE = "default"
Applied = frozenset[tuple[str, str]]
Watch = Callable[[int], None]


class Carried(NamedTuple):
    """What each statement carries in front of it.

    `sql` is so many statements, for a message that may hold several; `select` is one
    statement that does the same, for where only one can be sent; `settings` are what
    they set, for a session that is one tenant's from its beginning.
    """

    sql: bytes
    statements: int
    select: bytes = b""
    settings: tuple[tuple[str, str], ...] = ()


NOTHING = Carried(b"", 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """The ready-made empty tenant: a location on the server, or the SQL that makes it.

    `token` is the location's name as it stands in `sql`, to be replaced.
    """

    token: str
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something that `tenants doctor` found."""

    level: Literal["ok", "warning", "error"]
    """Whether it is as it should be, worth knowing, or unsafe until it is mended."""

    name: str
    """What was examined, in words with hyphens; the same for every outcome."""

    text: str
    next_step: str = ""


class Isolation(ABC):
    """One placement's way of keeping tenants apart. See `SchemaIsolation` and others.

    The `supports_*` flags say what it can do; the router, the checks and the commands
    ask them instead of asking which isolation this is.
    """

    name: ClassVar[str]
    option_names: ClassVar[frozenset[str]] = frozenset()

    shares_connection: ClassVar[bool] = False
    """One connection per thread and database serves all its tenants."""

    shares_tables: ClassVar[bool] = False
    """All its tenants have the same tables, which are migrated once for all of them."""

    supports_transactional_ddl: ClassVar[bool] = False
    """A tenant can be made, and migrated, in a transaction that can be undone."""

    supports_replicas: ClassVar[bool] = False
    """`using("replica")` on a tenant model reaches a replica of its tenant."""

    supports_adoption: ClassVar[bool] = False
    """`tenants adopt` can make the present tables the first tenant's."""

    supports_remote_shared: ClassVar[bool] = True
    """The shared database may be on another server than the tenants."""

    def __init__(self, placement: Placement) -> None:
        self.placement = placement
        self.database = placement.database
        self.owner_database: str | None = None
        self.options = placement.options

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.placement.alias!r} on {self.database!r}>"

    @property
    def supports_shared_joins(self) -> bool:
        """Shared tables are on the tenant's connection: joins and foreign keys work."""
        return self.shares_connection and self.database == SHARED_DATABASE

    @property
    def settings(self) -> dict[str, Any]:
        """Django's settings of the placement's database."""
        return cast("dict[str, Any]", conf.databases[self.database])

    @property
    def engine(self) -> str:
        """Dotted path of the placement's database engine."""
        return str(self.settings.get("ENGINE", ""))

    def ref(
        self, *, key: str, location: str = "", kind: str = DEFAULT_KIND
    ) -> TenantRef:
        """Return the value of a tenant of this placement."""
        return TenantRef(
            key=key,
            placement=self.placement.alias,
            location=location or self.location_for(key),
            kind=kind,
        )

    @property
    def in_tests(self) -> bool:
        """Whether a test runner has put its own database in the place of this one."""
        name = str(connections.settings.get(self.database, {}).get("NAME", ""))
        return name != conf.real_names.get(self.database, name)

    def is_occupied(self, ref: TenantRef) -> bool:
        """Whether something is at the tenant's location, whole or not."""
        return self.exists(ref)

    def template_ref(self, token: str, kind: str = DEFAULT_KIND) -> TenantRef:
        """Return the value of the kind's template, a tenant that no catalog knows."""
        location = self.template_location(token)
        return self.ref(key=f"~{token}", location=location, kind=kind)

    def template_location(self, token: str) -> str:
        """Return where the template of that token is built."""
        return token

    def wrapper_settings(self, ref: TenantRef) -> dict[str, Any]:
        """Return Django's settings of the tenant's own database."""
        msg = f"{self!r} has one connection for all tenants, {ref.key!r} included."
        raise TypeError(msg)

    def carried(self, ref: TenantRef) -> Carried:
        """Return the settings that travel with each statement of the tenant."""
        del ref
        return NOTHING

    def findings(self) -> list[Finding]:
        """Return what there is to say of the placement's databases as they are now.

        Asked by `tenants doctor`, with no tenant active; may take some queries.
        """
        return []

    def dangers(self) -> list[Finding]:
        """Return the findings that a check of the database tells as well."""
        return []

    def repair(self) -> None:  # noqa: B027  (most have nothing to mend)
        """Mend what `findings` finds, as far as it can be mended by itself."""

    @abstractmethod
    def problems(self) -> list[Problem]:
        """Return the mistakes in this placement's settings, for the checks."""

    @abstractmethod
    def location_for(self, key: str) -> str:
        """Return the location a new tenant gets; raise `InvalidIdentifier`."""

    @abstractmethod
    def exists(self, ref: TenantRef) -> bool:
        """Whether the tenant's location is there."""

    @abstractmethod
    def create_empty(self, ref: TenantRef) -> None:
        """Make the location, with no table in it."""

    @abstractmethod
    def create_from(self, ref: TenantRef, template: Template) -> None:
        """Make the location as a copy of the template, whole or not at all."""

    @abstractmethod
    def destroy(self, ref: TenantRef, *, watch: Watch | None = None) -> None:
        """Remove the location and all in it; does nothing where it is not there.

        *watch* is called with how many rows are gone, where they go one by one.
        """

    @abstractmethod
    def capture(self, ref: TenantRef) -> Template | None:
        """Return the template made of a migrated location; None where it cannot be."""

    def template_is_there(self, template: Template) -> bool:
        """Whether a stored template can still be copied."""
        return bool(template.sql)

    def within_reach(self, tables: Sequence[str]) -> list[str]:
        """Return which of the tables a tenant without them would find elsewhere.

        Tables of tenant apps must not be where shared tables are: a tenant that lost
        its own would read those.
        """
        del tables
        return []

    @abstractmethod
    def applied_migrations(
        self, refs: Sequence[TenantRef]
    ) -> Mapping[TenantRef, Applied | Exception]:
        """Return the migrations recorded in each tenant, or why they cannot be read."""

    def adopt(
        self, ref: TenantRef, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Make these tables of the shared database the tenant's, rows and all.

        Called in a transaction of the shared database. *halves* are those of apps in
        both lists: the shared database keeps such tables, without rows.
        """
        del tables, halves
        msg = f"{self!r} cannot make present tables those of tenant {ref.key!r}."
        raise NotSupported(msg)

    @abstractmethod
    def describe(self, ref: TenantRef) -> dict[str, str]:
        """Return where the tenant lives, in words for `tenants explain`."""
