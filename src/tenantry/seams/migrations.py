"""Seams of migrations: a place has a history of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.models.signals import post_migrate, pre_migrate

from tenantry import guards, history
from tenantry.context import ACTIVE
from tenantry.isolation.tables import RECORD
from tenantry.seams.substitution import seam, wrap

if TYPE_CHECKING:
    from tenantry.types import TenantRef


@seam
def migration_signals_name_their_tenant() -> None:
    """`flush` names `default`, by which receivers would stamp the tenant's objects.

    Nothing is sent for an app that the place lacks (a tenant of a kind without it, or
    the shared database where it is tenants' only): its receivers would ask for its
    tables, and it would get content types and permissions. These it does get where
    there is one of each for all tenants, in the shared database.
    """

    def send(original: Any, sender: Any, **named: Any) -> Any:
        tenant, app = ACTIVE.get(), named.get("app_config")
        if app is not None and _lacks(app.label, tenant, named.get("using")):
            if tenant is None and original.__self__ is post_migrate:
                _register_in_shared(named)
            return []
        if tenant is not None and named.get("using") == DEFAULT_DB_ALIAS:
            named["using"] = tenant.label
        return original(sender, **named)

    for signal in (pre_migrate, post_migrate):
        wrap(signal, "send", send)


def _lacks(app_label: str, tenant: TenantRef | None, alias: Any) -> bool:
    """Whether the place that is being migrated has no tables of the app."""
    if tenant is not None:
        return guards.sides[tenant.kind][app_label].elsewhere
    side = guards.sides[None][app_label]
    return alias == DEFAULT_DB_ALIAS and side.tenants and not side.shared


def _register_in_shared(named: dict[str, Any]) -> None:
    """Make content types and permissions of a tenants' app that are shared only."""
    side = guards.sides[None]["contenttypes"]
    if side.tenants or not apps.is_installed("django.contrib.contenttypes"):
        return
    from django.contrib.contenttypes import management as types  # noqa: PLC0415

    types.create_contenttypes(**named)
    if apps.is_installed("django.contrib.auth"):
        from django.contrib.auth import management as auth  # noqa: PLC0415

        auth.create_permissions(**named)


@seam
def the_record_of_migrations_is_no_app() -> None:
    """Its model names the app `migrations`, as an app of the project may be named."""
    MigrationRecorder.Migration._meta.app_label = RECORD


@seam
def migrations_are_those_of_the_place() -> None:
    """The loader knows one history; a tenant has that of its kind's apps only."""

    def applied_migrations(original: Any, self: Any) -> Any:
        return history.complete(self.connection, original(self))

    def record(original: Any, self: Any, app: str, name: str) -> None:
        if not history.is_foreign(self.connection, app):
            original(self, app, name)

    def apply(original: Any, self: Any, state: Any, migration: Any, **how: Any) -> Any:
        if history.is_foreign(self.connection, migration.app_label):
            return migration.mutate_state(state, preserve=False)
        return original(self, state, migration, **how)

    def unapply(
        original: Any, self: Any, state: Any, migration: Any, **how: Any
    ) -> Any:
        if history.is_foreign(self.connection, migration.app_label):
            return state
        return original(self, state, migration, **how)

    wrap(MigrationRecorder, "applied_migrations", applied_migrations)
    wrap(MigrationRecorder, "record_applied", record)
    wrap(MigrationRecorder, "record_unapplied", record)
    wrap(MigrationExecutor, "apply_migration", apply)
    wrap(MigrationExecutor, "unapply_migration", unapply)
