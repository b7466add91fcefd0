"""Makes the tables of a single-tenant project the first tenant's, its rows kept.

Steps: `recorded`, then all the rest in one transaction of the shared database. On
PostgreSQL the tables move into the tenant's schema as they are; with SQLite they are
copied to the tenant's file, while writers wait, and removed from the shared one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder
from django.db.migrations.state import ProjectState

from tenantry.catalog import audit
from tenantry.catalog.models import LifecycleRecord, State, UsedKey
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError, NotSupported
from tenantry.history import is_foreign
from tenantry.isolation import Isolation, isolations
from tenantry.isolation.owner import as_owner
from tenantry.lifecycle import journal
from tenantry.lifecycle.actions import ADOPT
from tenantry.lifecycle.tables import tables_of
from tenantry.lifecycle.template import close_connection

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tenantry.types import TenantRef


def adopt(
    model: type[Any],
    *,
    domains: Sequence[str] = (),
    **fields: Any,
) -> Any:
    """Make the present tables of tenant apps the tenant's, and return its row.

    Called again after a crash, with the same key, it goes on. Raises `NotSupported`
    for an isolation that cannot, `LifecycleError` where there is nothing to adopt or
    shared rows refer to it, `KeyTaken`, and `RuntimeError` inside `atomic`.
    """
    with override_tenant(None):
        tenant = unfinished(fields["key"])
        if tenant is None:
            tenant = model(**{**fields, "state": State.PROVISIONING})
            tenant.complete()
            refuse_what_cannot_be(tenant.ref)
            record(tenant, domains)
        return finish(tenant)


def unfinished(key: str) -> Any:
    """Return the tenant that an adoption was begun for, taken over; else None."""
    if not LifecycleRecord.objects.filter(key=key, action=ADOPT).exists():
        return None
    journal.take_over(key)
    return registry.tenant_model._base_manager.get(key=key)


def refuse_what_cannot_be(ref: TenantRef) -> None:
    """Raise, before anything is touched, where adopting cannot succeed."""
    isolation = isolations[ref.placement]
    if not isolation.supports_adoption or isolation.database != DEFAULT_DB_ALIAS:
        msg = (
            f"Placement {ref.placement!r} cannot adopt: schemas, rows and SQLite files "
            "on the default database can. Adopt into such a placement."
        )
        raise NotSupported(msg)
    why = None
    if not is_single_tenant(ref.kind):
        why = "no table of a tenant app is in the shared database"
    elif isolation.exists(ref):
        place = ", ".join(isolation.describe(ref).values())
        why = f"something is where it would be already ({place})"
    elif referring := shared_rows_that_refer(ref.kind):
        why = f"shared rows refer to what would move: {', '.join(referring)}"
    if why is not None:
        raise LifecycleError(
            ref.key,
            "adopt",
            why,
            next_step="How-to: https://django-tenantry.readthedocs.io/how-to/adopt-a-project/",
        )


def record(tenant: Any, domains: Sequence[str]) -> None:
    """Write the tenant's rows and what is being done."""
    with (
        journal.announced(type(tenant), tenant.key, action=ADOPT, step="recorded"),
        transaction.atomic(durable=True),
    ):
        tenant.save()
        for host in domains:
            registry.domain_model(tenant=tenant, host=host).save()
        journal.begin(tenant.key, ADOPT, "recorded")


def finish(tenant: Any) -> Any:
    """Move the tables, and make the tenant active, in one transaction."""
    ref, isolation = tenant.ref, isolations[tenant.placement]
    tables = tables_to_adopt(ref.kind)
    shared = tables_of(conf.shared_apps)
    halves = [table for table in tables if table in shared]
    try:
        with (
            as_owner(),
            journal.announced(type(tenant), ref.key, action=ADOPT, step="moved"),
            transaction.atomic(durable=True),
        ):
            tenant.state = State.ACTIVE
            tenant.save(update_fields=["state"])
            isolation.adopt(ref, tables, halves)
            forget_what_is_not_here(ref)
            forget_what_is_not_here(None)
            if halves and isolation.supports_transactional_ddl:
                make_shared_halves(conf.apps_of(ref.kind) & conf.shared_apps)
            isolation.repair()  # of row tenants: the serving role's rights on halves
            journal.end(ref.key)
            audit.record("tenant.adopted", tenant=ref.key, target=tenant)
    except Exception:
        undo(tenant, isolation)
        raise
    close_connection(ref)
    return tenant


def undo(tenant: Any, isolation: Isolation) -> None:
    """Remove the record; the tables are where they were."""
    close_connection(tenant.ref)
    isolation.destroy(tenant.ref)
    with transaction.atomic():
        tenant.state = State.DROPPING
        tenant.delete()
        UsedKey.objects.filter(key=tenant.key).delete()
        journal.end(tenant.key)


def forget_what_is_not_here(ref: TenantRef | None) -> None:
    """Remove the records of migrations whose tables are in the other place."""
    with override_tenant(ref):
        connection = connections[DEFAULT_DB_ALIAS]
        records = MigrationRecorder(connection).migration_qs
        apps_there = records.values_list("app", flat=True).distinct()
        gone = [app for app in apps_there if is_foreign(connection, app)]
        records.filter(app__in=gone).delete()


def tables_to_adopt(kind: str) -> list[str]:
    """Return the tables of the kind's apps that are in the shared database."""
    connection = connections[DEFAULT_DB_ALIAS]
    with connection.cursor() as cursor:
        there = set(connection.introspection.table_names(cursor))
    return [table for table in tables_of(conf.apps_of(kind)) if table in there]


def is_single_tenant(kind: str) -> bool:
    """Whether there are tables to adopt.

    Those of apps in both lists alone, once there was a tenant, are the shared site's.
    """
    tables = tables_to_adopt(kind)
    halves = tables_of(conf.shared_apps)
    return any(table not in halves for table in tables) or (
        bool(tables) and not UsedKey.objects.exists()
    )


def shared_rows_that_refer(kind: str) -> list[str]:
    """Return the fields of shared models that refer to rows that would move."""
    moving = conf.apps_of(kind)
    return [
        str(field)
        for config in apps.get_app_configs()
        if config.label in conf.shared_apps and config.label not in moving
        for model in config.get_models(include_auto_created=True)
        for field in model._meta.concrete_fields
        if field.is_relation
        and field.related_model is not None
        and field.related_model._meta.app_label in moving
        and model._base_manager.exclude(**{field.name: None}).exists()
    ]


def make_shared_halves(moved: frozenset[str]) -> None:
    """Make the shared tables of apps in both lists anew: the old ones have moved.

    Their recorded migrations are run again; those of other apps only pass through the
    state.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    records = MigrationRecorder(connection).migration_qs
    recorded = list(records.values_list("app", "name"))
    records.all().delete()
    executor = MigrationExecutor(connection)
    state = ProjectState(real_apps=executor.loader.unmigrated_apps)
    _ = state.apps
    leaves = executor.loader.graph.leaf_nodes()
    for migration, _ in executor.migration_plan(leaves, clean_start=True):
        if migration.app_label in moved:
            with connection.schema_editor(atomic=migration.atomic) as editor:
                state = migration.apply(state, editor)
        else:
            migration.mutate_state(state, preserve=False)
    for app, name in recorded:
        records.create(app=app, name=name)
