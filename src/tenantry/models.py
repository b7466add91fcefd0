"""`AbstractTenant` and `AbstractDomain`: what a project's own models inherit."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.http import HttpRequest

from tenantry.catalog.models import (
    CatalogVersion,
    DomainRow,
    LifecycleRecord,
    State,
    StoredTemplate,
    TenantRow,
    UsedKey,
    UsedToken,
)
from tenantry.catalog.people import (
    AuditEntry,
    EmailDomain,
    Impersonation,
    Invitation,
    PendingOwner,
    ScheduledDeletion,
    SignOut,
    TenantOwner,
)
from tenantry.catalog.querysets import CatalogQuerySet, TenantQuerySet
from tenantry.catalog.registry import Entry
from tenantry.catalog.settings import declaration, resealed
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError
from tenantry.lifecycle import provision as lifecycle
from tenantry.lifecycle import state as service
from tenantry.routing.absolute import absolute_url
from tenantry.users.signup import provision_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

__all__ = [
    "AbstractDomain",
    "AbstractTenant",
    "AuditEntry",
    "CatalogVersion",
    "EmailDomain",
    "Impersonation",
    "Invitation",
    "LifecycleRecord",
    "PendingOwner",
    "ScheduledDeletion",
    "SignOut",
    "State",
    "StoredTemplate",
    "TenantManager",
    "TenantOwner",
    "TenantRequest",
    "UsedKey",
    "UsedToken",
]

T = TypeVar("T", bound="AbstractTenant")


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Tenants, and the act that makes them live."""

    def provision(
        self,
        *,
        key: str,
        domains: Sequence[str] = (),
        owner: Any = None,
        **fields: Any,
    ) -> Any:
        """Make a new tenant, whole and routable, and return its row.

        *domains* are hosts, the first of them primary; *owner* is the shared user who
        owns it, or, where tenants have users of their own, its first one, unsaved.
        Other keyword arguments are fields of the tenant model. On an error nothing is
        left, but an account that there was.

        Raises `KeyTaken` where key, slug or domain is in use, or the key was;
        `ValidationError` for values that cannot be; `RuntimeError` inside `atomic`.
        """
        if owner is not None:
            return provision_for(owner, key=key, domains=domains, **fields)
        return lifecycle.provision(self.model, key=key, domains=domains, **fields)

    def provision_many(
        self,
        tenants: Iterable[dict[str, Any]],
        *,
        jobs: int = 1,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> list[Any]:
        """Provision several tenants, given as keyword arguments of `provision`.

        *jobs* of them at a time; *on_progress* is called with how many are done and
        how many there are. Tenants made before an error stay.
        """
        return lifecycle.provision_many(
            self.model, tenants, jobs=jobs, on_progress=on_progress
        )


class AbstractTenant(TenantRow):
    """A customer's separate Django. `class Tenant(AbstractTenant): pass` is complete.

    Saving writes a row; `Tenant.objects.provision(...)` makes a live tenant, and
    `tenant.drop(confirm=key)` removes it with all its data.
    """

    objects = TenantManager()

    class Meta(TenantRow.Meta):
        abstract = True

    def drop(self, *, confirm: str, keep_files: bool = False) -> None:
        """Remove the tenant and all its data, for good; the key is never used again.

        *confirm* is the tenant's key; with *keep_files* the files that it saved stay
        where they are. Raises `LifecycleError` where it is another,
        `LifecycleBusy` while another process is at work on the tenant, and
        `RuntimeError` inside `atomic`.
        """
        if confirm != self.key:
            raise LifecycleError(
                self.key,
                "confirm",
                f"drop was confirmed with {confirm!r}",
                next_step=f"Pass confirm={self.key!r} to remove all its data.",
            )
        lifecycle.drop(self, keep_files=keep_files)

    def set_settings(self, **values: Any) -> None:
        """Give the tenant values of its own for declared settings; None takes one away.

        Writes the row. Raises `ValidationError` for a name that is not declared in
        `TENANTRY["SETTINGS"]`, and for a value that cannot be.
        """
        with self._locked() as row:
            for name, value in values.items():
                if value is not None:
                    row.settings[name] = value
                elif row.settings.pop(name, None) is None:
                    declaration(name)

    def reseal_settings(self) -> None:
        """Encrypt its secrets anew with the first key, after the keys were rotated."""
        with self._locked() as row:
            row.settings = resealed(row.key, row.settings)

    @contextmanager
    def _locked(self) -> Iterator[Any]:
        """Lend the row as it is now, for its settings to be changed by nobody else."""
        with override_tenant(None), transaction.atomic():
            rows = type(self)._base_manager.filter(pk=self.pk)
            rows.update(name=models.F("name"))  # locks in every database, SQLite too
            row: Any = rows.get()
            yield row
            row.save(update_fields=["settings"])
        self.settings = row.settings
        self.remember()

    def suspend(self) -> None:
        """Answer its requests with 403 from now on; its data stays as it is.

        Other processes notice within `CATALOG_REFRESH_SECONDS`. Raises `LifecycleError`
        for a tenant that is being provisioned or dropped.
        """
        service.suspend(self)

    def resume(self) -> None:
        """Serve it again, after it was suspended or in maintenance.

        Raises `LifecycleError` for a tenant that is being provisioned or dropped.
        """
        service.resume(self)

    def url(self, target: Any = "/", *args: Any, **kwargs: Any) -> str:
        """Return an absolute URL of this tenant: of a path (`/x`), or of a URL name.

        Or of an object of the tenant's that has `get_absolute_url()`. Works anywhere:
        in tasks, mails and the shell. Raises `NotSupported` where no resolver gives the
        tenant an address, and `NoReverseMatch`.
        """
        return absolute_url(Entry(self), target, *args, **kwargs)


# A template calls what it names, and templates have their `tenant`.
for _act in ("drop", "set_settings", "reseal_settings", "suspend", "resume"):
    vars(AbstractTenant)[_act].alters_data = True


class TenantRequest(HttpRequest):
    """A request that `TenantMiddleware` has seen, for annotations of views."""

    tenant: AbstractTenant | None


class AbstractDomain(DomainRow):
    """A host by which a tenant is reached, stored in its one normalized form.

    `class Domain(AbstractDomain): pass` is complete. Of a tenant's domains at most one
    is primary; the first becomes it by itself.
    """

    tenant = models.ForeignKey(
        conf.tenant_model or "tenantry.Tenant",
        on_delete=models.CASCADE,
        related_name="domains",
    )

    objects = CatalogQuerySet.as_manager()

    class Meta(DomainRow.Meta):
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row, validated; making it primary makes the others not so.

        Raises `ValidationError` for what is not a host.
        """
        self.full_clean(
            exclude=["tenant"], validate_unique=False, validate_constraints=False
        )
        self.refuse_shared_host()
        siblings = type(self)._base_manager.filter(tenant_id=self.tenant_id)
        siblings = siblings.exclude(pk=self.pk)
        if not self.is_primary and not siblings.filter(is_primary=True).exists():
            self.is_primary = True
        if self.is_primary:
            siblings.filter(is_primary=True).update(is_primary=False)
        super().save(*args, **kwargs)

    def clean(self) -> None:
        """Refuse a host of the shared site, in forms as well."""
        super().clean()
        self.refuse_shared_host()

    def refuse_shared_host(self) -> None:
        """Raise `ValidationError` where the domain would hide the shared site."""
        if not self.path and self.host in conf.shared_host_names:
            msg = f"{self.host!r} is a host of the shared site; a tenant would hide it."
            raise ValidationError({"host": msg})


def refuse_plain_delete(instance: Any, **_: object) -> None:
    """Raise unless the tenant is being dropped: a row alone must not go.

    Receives `pre_delete` of the tenant model, so that QuerySets and the admin are
    refused as well.
    """
    if instance.state != State.DROPPING:
        raise LifecycleError(
            instance.key,
            "delete",
            "deleting its row would leave its data behind, reachable by nobody",
            next_step=f"Use `tenant.drop(confirm={instance.key!r})` or "
            f"`manage.py tenants drop {instance.key}`.",
        )
