"""The template of a placement: an empty migrated tenant that new ones are copied from.

It is made once for each kind and each state of the project's migrations.
"""

from __future__ import annotations

import hashlib
import logging
import threading
import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

from django.core.management import call_command
from django.db import IntegrityError, connections, transaction
from django.db.migrations.loader import MigrationLoader

from tenantry.catalog.models import LifecycleRecord, StoredTemplate
from tenantry.conf import conf
from tenantry.connections import TenantConnections
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError
from tenantry.fleet.migrate import bring_up
from tenantry.fleet.plan import plan_group
from tenantry.fleet.pool import pool_of
from tenantry.guards import sides
from tenantry.history import of_kind
from tenantry.isolation import Isolation, Template, isolations
from tenantry.lifecycle import journal
from tenantry.lifecycle.actions import TEMPLATE
from tenantry.lifecycle.tables import tables_of

if TYPE_CHECKING:
    from tenantry.fleet.plan import Group
    from tenantry.fleet.pool import Pool
    from tenantry.types import TenantRef

logger = logging.getLogger("tenantry")
_lock = threading.Lock()
_ready: dict[tuple[str, str], Template] = {}
conf.on_change(_ready.clear)


def template_digest(isolation: Isolation, kind: str) -> str:
    """Return what the template depends on: apps, migrations, isolation and engine."""
    graph = MigrationLoader(None, ignore_no_migrations=True).graph
    leaves = [name for name in graph.leaf_nodes() if not sides[kind][name[0]].elsewhere]
    apps = sorted(conf.apps_of(kind))
    facts = (isolation.name, isolation.engine, kind, apps, sorted(leaves))
    return hashlib.sha256(repr(facts).encode()).hexdigest()


_digests: dict[tuple[str, str], str] = {}
conf.on_change(_digests.clear)


def find_template(isolation: Isolation, kind: str) -> Template | None:
    """Return the placement's template for the kind, made now if it is not there.

    None where it cannot be made here (no pg_dump): tenants are then migrated one by
    one, and the log says so.
    """
    alias = isolation.placement.alias
    with _lock:
        if (alias, kind) not in _digests:
            _digests[alias, kind] = template_digest(isolation, kind)
        digest = _digests[alias, kind]
        if (alias, digest) in _ready:
            return _ready[alias, digest]
        template = _stored(isolation, digest)
        if template is None and not _is_hidden(isolation):
            template = _make(isolation, kind, digest)
        if template is not None:
            _ready[alias, digest] = template
        return template


def _is_hidden(isolation: Isolation) -> bool:
    """Whether a template made now would be in a transaction, unseen by pg_dump.

    So it is in a `TestCase`: tenants are then migrated, in the same transaction.
    """
    if isolation.shares_tables:
        return False  # its tables are the owner's work, on another connection
    with override_tenant(None):
        connection = connections[isolation.database]
    return isolation.supports_transactional_ddl and connection.in_atomic_block


def _stored(isolation: Isolation, digest: str) -> Template | None:
    with override_tenant(None):
        row = StoredTemplate.objects.filter(
            placement=isolation.placement.alias, digest=digest
        ).first()
    if row is None:
        return None
    template = Template(token=row.token, sql=row.sql)
    if isolation.template_is_there(template):
        return template
    with override_tenant(None):
        row.delete()
    return None


def _make(isolation: Isolation, kind: str, digest: str) -> Template | None:
    if isolation.shares_tables:
        return _make_in_tables(isolation, kind, digest)
    ref = isolation.template_ref(uuid.uuid4().hex[:16], kind)
    _refuse_left_overs(isolation, ref)
    _remove_unfinished()
    template = kept = None
    with override_tenant(None):
        journal.begin(ref.key, TEMPLATE, "begun")
    try:
        migrate_from_zero(isolation, ref)
        template = isolation.capture(ref)
        if template is None:
            logger.warning(
                "Placement %r has no template (no pg_dump here, or objects that cannot "
                "be copied): each new tenant is migrated from zero.",
                isolation.placement.alias,
            )
            return None
        kept = _store(isolation, kind, digest, template)
        return kept
    finally:
        if kept is None or kept is not template or kept.sql:
            isolation.destroy(ref)
        with override_tenant(None):
            journal.end(ref.key)


def _make_in_tables(isolation: Isolation, kind: str, digest: str) -> Template:
    """Make the template among the rows of the tables that all tenants share.

    The tables are made, or migrated, where no tenant has rows in them yet. Raises
    `LifecycleError` where they are behind.
    """
    pool = pool_of(isolation, kind)
    _refuse_left_overs(isolation, pool.template)
    plan = _plan(pool)
    if not plan.is_done:
        if pool.active():
            raise LifecycleError(
                pool.template.key,
                "template",
                "the tables that its tenants share are behind",
                next_step="Run `manage.py tenants migrate` first.",
            )
        bring_up(pool, plan)
    if not pool.tables.have_rows_of(pool.template):
        _fill_template(pool)
    template = isolation.capture(pool.template)
    assert template is not None  # noqa: S101  (for the type)
    return _store(isolation, kind, digest, template)


def _plan(pool: Pool) -> Group:
    applied = of_kind(pool.kind, pool.tables.applied())
    plan = plan_group([pool.template], applied, None)
    plan.signals_due = pool.signals_due()
    return plan


def _fill_template(pool: Pool) -> None:
    """Make the template's rows, where the tables were adopted and not migrated here.

    They come from tables of the same migrations, in which nobody else is.
    """
    fresh = replace(pool, is_fresh=True)
    fresh.tables.remove()
    try:
        bring_up(fresh, _plan(fresh))
        pool.tables.copy_rows_of(pool.template, fresh.tables)
    finally:
        fresh.tables.remove()


def _remove_unfinished() -> None:
    """Remove what processes left behind that died while they made a template."""
    with override_tenant(None):
        for record in LifecycleRecord.objects.filter(action=TEMPLATE):
            if journal.is_gone(record):
                token = record.key.removeprefix("~")
                for isolation in isolations.all():
                    if not isolation.shares_tables:
                        isolation.destroy(isolation.template_ref(token))
                journal.end(record.key)


def _refuse_left_overs(isolation: Isolation, ref: TenantRef) -> None:
    """Raise where tables of tenant apps lie about among the shared ones."""
    left = isolation.within_reach(tables_of(conf.tenant_apps))
    if left:
        raise LifecycleError(
            ref.key,
            "template",
            f"tables of tenant apps are in the shared schema: {', '.join(left[:5])}"
            f"{' …' if len(left) > 5 else ''}; a tenant that lost its own would "  # noqa: PLR2004
            "read those",
            next_step="Give them to a tenant with `manage.py tenants adopt --as KEY`, "
            "or drop them.",
        )


def _store(  # noqa: PLR0917  (a row's values)
    isolation: Isolation, kind: str, digest: str, template: Template
) -> Template:
    """Keep the template; of two made at once, the first stays and serves both."""
    alias = isolation.placement.alias
    try:
        with override_tenant(None), transaction.atomic():
            StoredTemplate.objects.create(
                placement=alias,
                kind=kind,
                digest=digest,
                token=template.token,
                sql=template.sql,
            )
    except IntegrityError:
        stored = _stored(isolation, digest)
        if stored is not None:
            return stored
    return template


def migrate_from_zero(isolation: Isolation, ref: TenantRef) -> None:
    """Make the location and migrate it, as plain Django migrates a database."""
    isolation.create_empty(ref)
    try:
        with override_tenant(ref):
            call_command("migrate", interactive=False, verbosity=0)
    finally:
        close_connection(ref)


def close_connection(ref: TenantRef) -> None:
    """Close this thread's own connection to the tenant's database, if it has one."""
    assert isinstance(connections, TenantConnections)  # noqa: S101  (for the type)
    connections.forget(ref)
