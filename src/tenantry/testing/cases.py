"""Django's test cases, inside a tenant: transactions, fixtures, client and flush."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from django.core.management import call_command
from django.db import connections
from django.test import TestCase, TransactionTestCase, testcases

from tenantry.catalog.registry import registry
from tenantry.conf import DEFAULT_PLACEMENT
from tenantry.context import override_tenant
from tenantry.isolation.owner import owners, served
from tenantry.kinds import DEFAULT_KIND
from tenantry.testing.addresses import warm
from tenantry.testing.client import AsyncTenantClient, TenantClient
from tenantry.testing.shared import empty_shared
from tenantry.testing.tenants import Sort, as_new, drop_all_but, keys, test_tenants
from tenantry.testing.transactions import apart, enter, roll_back

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.types import TenantRef

# Their underscored methods, which are extended here, are in no stubs.
Base: Any = TransactionTestCase
RolledBack: Any = TestCase
Committed: Any = TransactionTestCase
TestData: Any = testcases.TestData  # type: ignore[attr-defined]


class InTenants(Base):  # type: ignore[misc]
    """Mixin of Django's test cases: each test runs with `self.tenant` active.

    `tenants` are made once in a process and used by all classes that want the same
    sort; `other_tenant` is the second of them.
    """

    tenant_kind = DEFAULT_KIND
    tenant_placement = DEFAULT_PLACEMENT
    tenant_count = 2
    tenant_fields: ClassVar[dict[str, Any]] = {}
    """More fields of the tenant model; a callable is called with the key."""

    client_class = TenantClient
    async_client_class = AsyncTenantClient

    tenant: Any
    other_tenant: Any
    tenants: Sequence[Any] = ()
    _first: TenantRef | None = None
    _refs: Sequence[TenantRef] = ()
    _known_at = -1

    @classmethod
    def setUpClass(cls) -> None:
        """Find the class's tenants, or make them; the first is active from here on."""
        fields = dict(cls.tenant_fields)
        sort = Sort(kind=cls.tenant_kind, placement=cls.tenant_placement, fields=fields)
        found = test_tenants.get(sort, cls.tenant_count)
        cls._refs = [tenant.ref for tenant in found]
        cls._first = cls._refs[0]
        # Each test has copies of its own, as of what setUpTestData makes.
        cls.tenants = TestData("tenants", found)
        cls.tenant = TestData("tenant", found[0])
        cls.other_tenant = TestData("other_tenant", (found[1:] or [None])[0])
        cls.addClassCleanup(registry.clear)
        cls.enterClassContext(override_tenant(cls._first))
        super().setUpClass()

    @classmethod
    def _validate_databases(cls) -> frozenset[str]:
        """Allow the role that owns the tables, where it is another one."""
        given = super()._validate_databases()
        return frozenset(given | {owners[alias] for alias in given})

    @classmethod
    def _databases_names(cls, *args: Any, **kwargs: Any) -> list[str]:
        """Return each database once, by the alias that serves."""
        names: list[str] = super()._databases_names(*args, **kwargs)
        return [name for name in names if served[name] == name]

    @classmethod
    def setup_tenant(cls, tenant: Any) -> None:
        """Prepare a tenant of the class, which is active; for subclasses.

        Called for each of them: before `setUpTestData` once for a class, or before
        each test of a `TransactionTenantTestCase`.
        """

    @classmethod
    def _set_up_tenants(cls) -> None:
        for tenant in cls.tenants:
            with override_tenant(tenant):
                cls.setup_tenant(tenant)

    def _setup_and_call(self, *args: Any, **kwargs: Any) -> None:
        """Run the test in its tenant, whatever the one before left active."""
        with override_tenant(self._first):
            self._know_catalog()
            super()._setup_and_call(*args, **kwargs)
        if registry.generation != self._known_at:
            registry.clear()  # what the test changed of it has been undone since

    @classmethod
    def _know_catalog(cls) -> None:
        """Have the tenants in memory, so that no test counts a query of the catalog."""
        if registry.generation != cls._known_at:
            for tenant in cls.tenants:
                warm(tenant)
            cls._known_at = registry.generation


class TenantTestCase(InTenants, RolledBack):  # type: ignore[misc]
    """Django's `TestCase` in a tenant: each test is rolled back, in every tenant of it.

    So are its changes of the shared database. `databases = {"default"}` covers both.
    """

    @classmethod
    def _enter_atomics(cls) -> dict[str, Any]:
        with override_tenant(None):
            atomics: dict[str, Any] = super()._enter_atomics()
        for ref in apart(cls._refs):
            atomics[ref.label] = enter(ref)
        if "cls_atomics" not in cls.__dict__:
            cls._prepare(atomics)
        return atomics

    @classmethod
    def _prepare(cls, atomics: dict[str, Any]) -> None:
        """Set the tenants up in the transaction of the class."""
        try:
            cls._set_up_tenants()
        except BaseException:
            cls._rollback_atomics(atomics)
            raise

    @classmethod
    def _rollback_atomics(cls, atomics: dict[str, Any]) -> None:
        for ref in reversed(apart(cls._refs)):
            roll_back(ref, atomics[ref.label])
        with override_tenant(None):
            super()._rollback_atomics(atomics)

    def _fixture_teardown(self) -> None:
        try:
            for ref in apart(self._refs):
                with override_tenant(ref):
                    connection = connections[ref.label]
                    if self._should_check_constraints(connection):
                        connection.check_constraints()
        except BaseException:
            self._rollback_atomics(self.atomics)
            raise
        with override_tenant(None):
            super()._fixture_teardown()


class TransactionTenantTestCase(InTenants, Committed):  # type: ignore[misc]
    """Django's `TransactionTestCase` in a tenant: real commits, undone after each test.

    The class's tenants become as new, those that the test made are dropped, and shared
    tables are emptied, but for the catalog.
    """

    @classmethod
    def _fixture_setup(cls) -> None:
        cls._keys = keys()
        fixtures, cls.fixtures = cls.fixtures, None
        try:
            with override_tenant(None):
                super()._fixture_setup()
        finally:
            cls.fixtures = fixtures
        cls._set_up_tenants()
        if fixtures:
            for alias in cls._databases_names(include_mirrors=False):
                call_command("loaddata", *fixtures, verbosity=0, database=alias)

    def _fixture_teardown(self) -> None:
        for tenant in type(self).tenants:
            as_new(tenant)
        drop_all_but(self._keys)
        for alias in self._databases_names(include_mirrors=False):
            empty_shared(alias, announce=not self._is_restored(alias))

    def _is_restored(self, alias: str) -> bool:
        """Whether what `post_migrate` makes will come from elsewhere, or not at all."""
        with override_tenant(None):
            serialized = hasattr(connections[alias], "_test_serialized_contents")
        return self.available_apps is not None or (
            self.serialized_rollback and serialized
        )
