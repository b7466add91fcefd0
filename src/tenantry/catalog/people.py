"""Rows about people, of any tenant: who was invited, who acts as whom, who did what.

They are in the shared database and name a tenant by its key and a user by the text of
a primary key, so that they hold wherever the users are, and outlive both.
"""

from __future__ import annotations

from typing import Any, NoReturn

from django.db import models
from django.utils import timezone

from tenantry.exceptions import NotSupported
from tenantry.isolation.identifiers import MAX_KEY_BYTES

NAME_LENGTH = 254
DOMAIN_LENGTH = 253
DIGEST_LENGTH = 64
PK_LENGTH = 255
WRITTEN_ONCE = (
    "An entry of the audit is written once, and neither changed nor deleted: write "
    "another with `tenantry.catalog.audit.record`. How to remove old ones is told in "
    "https://django-tenantry.readthedocs.io/how-to/audit/"
)


class AppendOnly(models.QuerySet["AuditEntry"]):
    """A QuerySet that reads and adds; what is written stays as it is."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise NotSupported(WRITTEN_ONCE)

    update = _refuse
    delete = _refuse
    bulk_update = _refuse
    _raw_delete = _refuse

    def bulk_create(self, objs: Any, *args: Any, **kwargs: Any) -> Any:
        """Add entries; raise `NotSupported` where some would be written over."""
        if kwargs.get("update_conflicts"):
            self._refuse()
        return super().bulk_create(objs, *args, **kwargs)


class AuditEntry(models.Model):
    """What somebody did, in which tenant; written once, never changed.

    `tenant_key` is empty for the shared site. `actor` is what they were called then;
    `actor_place` is the key of the tenant that they are a user of, empty for a shared
    user. `impersonator` is the shared user who acted as the actor.
    """

    at = models.DateTimeField(default=timezone.now, db_index=True)
    action = models.CharField(max_length=60, db_index=True)
    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, blank=True, db_index=True)
    actor = models.CharField(max_length=NAME_LENGTH, blank=True)
    actor_pk = models.CharField(max_length=PK_LENGTH, blank=True)
    actor_place = models.CharField(max_length=MAX_KEY_BYTES, blank=True)
    impersonator = models.CharField(max_length=NAME_LENGTH, blank=True)
    target = models.CharField(max_length=NAME_LENGTH, blank=True)
    address = models.GenericIPAddressField(null=True)
    facts = models.JSONField(default=dict)

    objects = AppendOnly.as_manager()

    class Meta:
        app_label = "tenantry"
        base_manager_name = "objects"
        ordering = ("-at", "-pk")
        verbose_name_plural = "audit entries"

    def __str__(self) -> str:
        return f"{self.action} {self.target}".strip()

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Add the entry; raise `NotSupported` for one that is there already."""
        if not self._state.adding:
            raise NotSupported(WRITTEN_ONCE)
        kwargs["force_insert"] = True
        super().save(*args, **kwargs)

    def delete(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        """Raise `NotSupported`."""
        raise NotSupported(WRITTEN_ONCE)


class TenantOwner(models.Model):
    """Which of a tenant's own users owns it; of a member, the membership says so."""

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, unique=True)
    user_pk = models.CharField(max_length=PK_LENGTH)

    class Meta:
        app_label = "tenantry"

    def __str__(self) -> str:
        return f"{self.user_pk} of {self.tenant_key}"


class Invitation(models.Model):
    """Somebody's e-mail address was invited to a tenant; its token is known to them.

    `domain` is the e-mail domain by which they asked for it themselves, if they did.
    """

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, db_index=True)
    email = models.EmailField(max_length=NAME_LENGTH)
    domain = models.CharField(max_length=DOMAIN_LENGTH, blank=True)
    roles = models.JSONField(default=list)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    invited_by = models.CharField(max_length=NAME_LENGTH, blank=True)
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "tenantry"
        ordering = ("-created_at", "-pk")

    def __str__(self) -> str:
        return f"{self.email} to {self.tenant_key}"


class EmailDomain(models.Model):
    """An e-mail domain whose people may join a tenant by themselves, once verified."""

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, db_index=True)
    domain = models.CharField(max_length=DOMAIN_LENGTH)
    roles = models.JSONField(default=list)
    digest = models.CharField(max_length=DIGEST_LENGTH, unique=True)
    created_at = models.DateTimeField(default=timezone.now)
    verified_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "tenantry"
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_key", "domain"), name="tenantry_one_email_domain"
            ),
        )

    def __str__(self) -> str:
        return f"@{self.domain} to {self.tenant_key}"


class Impersonation(models.Model):
    """A shared user acts, for a while and a reason, as a user of a tenant."""

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, db_index=True)
    user_pk = models.CharField(max_length=PK_LENGTH)
    user = models.CharField(max_length=NAME_LENGTH)
    impersonator_pk = models.CharField(max_length=PK_LENGTH)
    impersonator = models.CharField(max_length=NAME_LENGTH)
    reason = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)
    expires_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "tenantry"
        ordering = ("-created_at", "-pk")
        permissions = (
            ("impersonate", "Can act as a user of a tenant"),
            ("enter_tenants", "Can enter every tenant"),
        )

    def __str__(self) -> str:
        return f"{self.impersonator} as {self.user} in {self.tenant_key}"


class SignOut(models.Model):
    """How often a user signed out everywhere; sessions hold the number they began at.

    `tenant_key` is empty for a shared user, whose sessions in tenants it ends as well.
    """

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, blank=True)
    user_pk = models.CharField(max_length=PK_LENGTH)
    times = models.PositiveBigIntegerField(default=0)

    class Meta:
        app_label = "tenantry"
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_key", "user_pk"), name="tenantry_one_sign_out"
            ),
        )

    def __str__(self) -> str:
        return f"{self.user_pk} of {self.tenant_key or 'the shared site'}"


class ScheduledDeletion(models.Model):
    """An account, or a tenant that is its own, to be deleted when it is due.

    `tenant_key` is empty for the account itself, `user_pk` where users are the
    tenant's own. `was_in_service`: the tenant was suspended by this, and is served
    again when its owner changes their mind.
    """

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, blank=True)
    user_pk = models.CharField(max_length=PK_LENGTH)
    asked_by = models.CharField(max_length=NAME_LENGTH)
    asked_at = models.DateTimeField(default=timezone.now)
    due_at = models.DateTimeField(db_index=True)
    was_in_service = models.BooleanField(default=False)
    begun_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "tenantry"
        constraints = (
            models.UniqueConstraint(
                fields=("tenant_key", "user_pk"), name="tenantry_one_deletion"
            ),
        )

    def __str__(self) -> str:
        return f"{self.tenant_key or self.asked_by} on {self.due_at:%Y-%m-%d}"


class PendingOwner(models.Model):
    """The first user of a tenant that is being made, until it has its own users.

    `values` are the fields of the user, the password's hash among them.
    """

    tenant_key = models.CharField(max_length=MAX_KEY_BYTES, unique=True)
    values = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "tenantry"

    def __str__(self) -> str:
        return f"first user of {self.tenant_key}"
