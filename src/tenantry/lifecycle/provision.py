"""Makes a tenant live, and removes it: in recorded steps, undone or resumed.

Provisioning: `recorded` (the rows, in one transaction), `located` (schema, database or
file, from the template), `seeded` (receivers of `tenant_provisioned`), then active. An
error undoes what was done; a process that dies leaves a record, with which
`resume(key)` finishes and `drop` removes. Dropping: `marked`, `removed`, `files` unless
they are kept, then gone.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from tenantry.catalog import audit
from tenantry.catalog.models import State, UsedKey
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.connections import close_temporary, require_no_transaction
from tenantry.context import override_tenant
from tenantry.exceptions import KeyTaken, LifecycleError, LocationTaken
from tenantry.isolation import isolations
from tenantry.lifecycle import journal
from tenantry.lifecycle.actions import ADOPT, DROP, DROP_KEEPING, PROVISION
from tenantry.lifecycle.adopt import finish as finish_adoption
from tenantry.lifecycle.files import refuse_files, remove_files
from tenantry.lifecycle.template import (
    close_connection,
    find_template,
    migrate_from_zero,
)
from tenantry.signals import tenant_dropped, tenant_provisioned

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tenantry.isolation.base import Watch
    from tenantry.types import TenantRef


def provision(
    model: type[Any],
    *,
    domains: Sequence[str] = (),
    **fields: Any,
) -> Any:
    """Make a new tenant, whole and routable, and return its row.

    *domains* are hosts, the first of them primary. Raises `KeyTaken`,
    `ValidationError`, `LifecycleError`; `RuntimeError` inside an atomic block, as what
    is made here cannot be rolled back with it.
    """
    require_no_transaction()
    tenant = model(**{**fields, "state": State.PROVISIONING})
    with override_tenant(None):
        tenant.complete()
        refuse_occupied(tenant.ref)
        record_tenant(tenant, domains)
        return finish(tenant)


def refuse_occupied(ref: TenantRef) -> None:
    """Raise `LocationTaken` where something is already: it is somebody else's.

    In tests it is what a rolled-back test has left, and goes.
    """
    if UsedKey.objects.filter(key=ref.key).exists():
        return
    refuse_files(ref)
    isolation = isolations[ref.placement]
    if not isolation.is_occupied(ref):
        return
    if isolation.in_tests:
        isolation.destroy(ref)
        return
    raise LocationTaken(
        ref.key,
        "record",
        f"there is something at {ref.location!r} already ({isolation.name}), which no "
        "tenant of this project owns",
        next_step="Move it away, choose another key, or set OPTIONS['NAME'] of "
        f"placement {ref.placement!r}.",
    )


def record_tenant(tenant: Any, domains: Sequence[str]) -> None:
    """Write the rows of a new tenant and the record of the work, all or nothing."""
    domain_model = registry.domain_model
    if isinstance(domains, str):
        msg = f"`domains` is a list of hosts: [{domains!r}], not {domains!r}."
        raise TypeError(msg)
    if domains and domain_model is None:
        msg = "Domains need a model: set TENANTRY['DOMAIN_MODEL']."
        raise ValidationError(msg)
    announced = journal.announced(
        type(tenant), tenant.key, action=PROVISION, step="recorded"
    )
    with announced, transaction.atomic(durable=True):
        try:
            tenant.save()
            for number, host in enumerate(domains):
                domain_model(tenant=tenant, host=host, is_primary=number == 0).save()
        except IntegrityError as error:
            raise KeyTaken(
                tenant.key,
                "record",
                f"its slug {tenant.slug!r}, its location, or one of its domains "
                f"({', '.join(domains) or 'none'}) is another tenant's: {error}",
                next_step="Choose another, or see `manage.py tenants list`.",
            ) from error
        journal.begin(tenant.key, PROVISION, "recorded")


def record(tenant: Any) -> None:
    """Write the row and the record of the work, in the caller's transaction.

    When that is committed the caller must `finish` it. Raises `KeyTaken`,
    `LocationTaken`.
    """
    tenant.state = State.PROVISIONING
    with override_tenant(None):
        tenant.complete()
        refuse_occupied(tenant.ref)
        with journal.announced(
            type(tenant), tenant.key, action=PROVISION, step="recorded"
        ):
            tenant.save()
            journal.begin(tenant.key, PROVISION, "recorded")


def finish(tenant: Any, *, last_step: str = "") -> Any:
    """Do the steps that follow the record; on an error undo all of them.

    *last_step* is the last one that a process did before it died: a location that it
    left is made anew, unless its receivers had seeded it already.
    """
    try:
        if last_step != "seeded":
            if last_step:
                remove_location(tenant.ref)
                remove_files(tenant.ref)
            make_and_seed(tenant)
        activate(tenant)
    except LocationTaken:
        undo(tenant, keep_location=True)
        raise
    except BaseException:
        undo(tenant)
        raise
    close_connection(tenant.ref)
    return tenant


def make_and_seed(tenant: Any) -> None:
    """Make the location, and let the receivers of `tenant_provisioned` fill it."""
    ref, sender = tenant.ref, type(tenant)
    with journal.recorded(sender, ref.key, action=PROVISION, step="located"):
        make_location(ref)
    with (
        journal.recorded(sender, ref.key, action=PROVISION, step="seeded"),
        override_tenant(ref),
    ):
        tenant_provisioned.send(sender=sender, tenant=tenant)


def activate(tenant: Any) -> None:
    """Make the tenant routable, and end the record, in one transaction."""
    with (
        journal.announced(type(tenant), tenant.key, action=PROVISION, step="activated"),
        transaction.atomic(),
    ):
        tenant.state = State.ACTIVE
        tenant.save(update_fields=["state"])
        journal.end(tenant.key)
        audit.record("tenant.provisioned", tenant=tenant.key, target=tenant)


def make_location(ref: TenantRef) -> None:
    """Make the tenant's schema, database or file, from the template if there is one."""
    isolation = isolations[ref.placement]
    template = find_template(isolation, ref.kind)
    # Nobody makes rows meanwhile: they bear the key, which is recorded as the tenant's.
    if not isolation.shares_tables and isolation.is_occupied(ref):
        raise LocationTaken(
            ref.key,
            "located",
            f"something else was made at {ref.location!r} meanwhile",
            next_step="Find out by whom; nothing of it was touched.",
        )
    if template is not None:
        isolation.create_from(ref, template)
    else:
        migrate_from_zero(isolation, ref)


def remove_location(ref: TenantRef, *, watch: Watch | None = None) -> None:
    """Remove the tenant's schema, database, file or rows.

    *watch* is called with how many rows are gone, where they go one by one.
    """

    def gone(rows: int) -> None:
        with override_tenant(None):
            journal.touch(ref.key)
        if watch is not None:
            watch(rows)

    close_connection(ref)
    isolations[ref.placement].destroy(ref, watch=gone)


def undo(tenant: Any, *, keep_location: bool = False) -> None:
    """Remove all that provisioning made; the key may be used again: it never lived."""
    with override_tenant(None):
        if not keep_location:
            remove_location(tenant.ref)
        remove_files(tenant.ref)
        with transaction.atomic():
            remove_rows(tenant)
            UsedKey.objects.filter(key=tenant.key).delete()
            journal.end(tenant.key)


def remove_rows(tenant: Any) -> None:
    """Delete the tenant's row, and by it its domains."""
    type(tenant)._base_manager.filter(pk=tenant.pk).update(state=State.DROPPING)
    tenant.state = State.DROPPING
    with suppress(type(tenant).DoesNotExist):
        tenant.delete()


def resume(key: str) -> Any:
    """Finish what a process that died had begun on the tenant.

    Returns the tenant, or None where the action was a drop. Raises `LifecycleBusy`,
    and `LifecycleError` where nothing was left unfinished.
    """
    record = journal.take_over(key)
    with override_tenant(None):
        tenant = registry.tenant_model._base_manager.filter(key=key).first()
        if record is None and tenant is not None and tenant.state == State.PROVISIONING:
            raise LifecycleError(
                key,
                "resume",
                "its row was saved without `provision()`, so nothing was begun",
                next_step=f"Remove it by `manage.py tenants drop {key}`, and provision "
                "another, of another key.",
            )
        if record is None or tenant is None:
            raise LifecycleError(
                key,
                "resume",
                "nothing was left unfinished",
                next_step="`manage.py tenants list` shows the tenants and their state.",
            )
        if record.action in (DROP, DROP_KEEPING):
            remove(tenant, keep_files=record.action == DROP_KEEPING)
            return None
        if record.action == ADOPT:
            return finish_adoption(tenant)
        return finish(tenant, last_step=record.step)


def drop(tenant: Any, *, watch: Watch | None = None, keep_files: bool = False) -> None:
    """Remove the tenant and all its data, for good; its key is never used again.

    *watch* is called with how many rows are gone, where they go one by one; with
    *keep_files* its files stay where they are. Raises
    `LifecycleBusy` while another process is at work on it, `LifecycleError` for a
    declared tenant, and `RuntimeError` inside an atomic block. Died half-way, it is
    finished by another call.
    """
    require_no_transaction()
    refuse_declared(tenant.key)
    with override_tenant(None):
        record = journal.take_over(tenant.key)
        if record is not None and record.action == DROP_KEEPING:
            keep_files = True  # as the drop that died had been told
        action = DROP_KEEPING if keep_files else DROP
        with (
            journal.announced(type(tenant), tenant.key, action=DROP, step="marked"),
            transaction.atomic(durable=True),
        ):
            tenant.state = State.DROPPING
            tenant.save(update_fields=["state"])
            journal.end(tenant.key)
            journal.begin(tenant.key, action, "marked")
        remove(tenant, watch=watch, keep_files=keep_files)


def refuse_declared(key: str) -> None:
    """Raise `LifecycleError` where the tenant is declared: it would come back."""
    if key in conf.declared_tenants:
        raise LifecycleError(
            key,
            "drop",
            "it is declared in the settings",
            next_step="Remove it from TENANTRY['DECLARED_TENANTS'] first.",
        )


def remove(
    tenant: Any, *, watch: Watch | None = None, keep_files: bool = False
) -> None:
    """Do the steps that follow the mark."""
    key, sender = tenant.key, type(tenant)
    with journal.recorded(sender, key, action=DROP, step="removed"):
        remove_location(tenant.ref, watch=watch)
    if not keep_files:
        with journal.recorded(sender, key, action=DROP, step="files"):
            remove_files(tenant.ref)
    with journal.announced(sender, key, action=DROP, step="gone"), transaction.atomic():
        remove_rows(tenant)
        UsedKey.objects.update_or_create(
            key=key, defaults={"dropped_at": timezone.now()}
        )
        journal.end(key)
        audit.record("tenant.dropped", tenant=key, target=tenant)
    tenant_dropped.send(sender=sender, key=key)


def provision_many(
    model: type[Any],
    tenants: Iterable[dict[str, Any]],
    *,
    jobs: int = 1,
    on_progress: Callable[[int, int], None] | None = None,
) -> list[Any]:
    """Provision several tenants, each as `provision` does, *jobs* at a time.

    Returns them in order. The first error ends the run when those begun are done;
    tenants made until then stay.
    """
    wanted = list(tenants)
    made: list[Any] = []
    for tenant in _in_order(model, wanted, jobs):
        made.append(tenant)
        if on_progress is not None:
            on_progress(len(made), len(wanted))
    return made


def _in_order(
    model: type[Any], wanted: list[dict[str, Any]], jobs: int
) -> Iterator[Any]:
    if jobs == 1:
        for facts in wanted:
            yield provision(model, **facts)
        return
    with ThreadPoolExecutor(jobs, thread_name_prefix="tenantry") as executor:
        futures = [executor.submit(_in_thread, model, facts) for facts in wanted]
        try:
            for future in futures:
                yield future.result()
        finally:
            executor.shutdown(cancel_futures=True)


def _in_thread(model: type[Any], facts: dict[str, Any]) -> Any:
    """As `provision`; closes what would stay open in a thread that nobody owns."""
    try:
        return provision(model, **facts)
    finally:
        close_temporary()
