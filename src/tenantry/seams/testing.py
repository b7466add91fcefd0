"""Seams of test databases: tenants with databases of their own follow them."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import DEFAULT_DB_ALIAS, DatabaseError
from django.db.backends.base.creation import BaseDatabaseCreation

from tenantry.catalog.models import StoredTemplate
from tenantry.catalog.registry import registry
from tenantry.context import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.isolation import isolations
from tenantry.isolation.database import DatabaseIsolation, made_in_tests
from tenantry.seams.substitution import seam, wrap

if TYPE_CHECKING:
    from collections.abc import Iterator


@seam
def tenants_go_with_their_test_database() -> None:
    """Django removes the databases that it made, and knows of no tenants'."""

    def destroy_test_db(
        original: Any,
        self: Any,
        old_database_name: str | None = None,
        verbosity: int = 1,
        keepdb: bool = False,  # noqa: FBT001, FBT002
        suffix: str | None = None,
    ) -> Any:
        if self.connection.alias == DEFAULT_DB_ALIAS and not keepdb:
            with override_tenant(None), _of_clone(self, suffix):
                _remove_own_databases()
        return original(self, old_database_name, verbosity, keepdb, suffix)

    wrap(BaseDatabaseCreation, "destroy_test_db", destroy_test_db)


@seam
def tenants_are_not_shared_by_clones() -> None:
    """A copy of the test database has the same tenants, in the same databases."""

    def clone_test_db(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.connection.alias == DEFAULT_DB_ALIAS:
            with override_tenant(None):
                _refuse_own_databases()
        return original(self, *args, **kwargs)

    wrap(BaseDatabaseCreation, "clone_test_db", clone_test_db)


@contextmanager
def _of_clone(creation: Any, suffix: str | None) -> Iterator[None]:
    """Let the connection lead to a clone for a block."""
    if suffix is None:
        yield
        return
    connection = creation.connection
    name = connection.settings_dict["NAME"]
    connection.close()
    connection.settings_dict["NAME"] = creation.get_test_db_clone_settings(suffix)[
        "NAME"
    ]
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["NAME"] = name


def _own() -> list[DatabaseIsolation]:
    return [each for each in isolations.all() if isinstance(each, DatabaseIsolation)]


def _remove_own_databases() -> None:
    """Remove the databases of all tenants and templates of the catalog."""
    for isolation in _own():
        if isolation.in_tests:  # never those of the real one
            isolation.server.leave_tests(_locations(isolation))


def _locations(isolation: DatabaseIsolation) -> Iterator[str]:
    placement = isolation.placement.alias
    yield from made_in_tests.pop(placement, ())
    tenants = registry.tenant_model._base_manager.filter(placement=placement)
    templates = StoredTemplate.objects.filter(placement=placement)
    try:
        found = [
            *tenants.values_list("location", flat=True),
            *templates.values_list("token", flat=True),
        ]
    except DatabaseError:
        return  # it was never migrated
    yield from found


def _refuse_own_databases() -> None:
    """Raise where tenants were made before the test database is copied."""
    placements = [isolation.placement.alias for isolation in _own()]
    rows = registry.tenant_model._base_manager.filter(placement__in=placements)
    keys = list(rows.values_list("key", flat=True)[:3])
    if keys:
        msg = (
            f"Tenants with databases of their own ({', '.join(keys)}) are in the test "
            "database before it is copied for parallel tests: the copies would share "
            "them. Make them in the tests: TenantTestCase gives each process its own."
        )
        raise NotSupported(msg)
