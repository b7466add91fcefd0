"""The rows of the catalog: what a tenant and a domain are, and our own tables."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, models, transaction
from django.utils import timezone

from tenantry.catalog import audit
from tenantry.catalog.fields import HostField, PathField, SettingsField
from tenantry.catalog.settings import checked
from tenantry.catalog.validators import (
    NotReserved,
    allow_names,
    validate_key,
    validate_kind,
    validate_slug,
)
from tenantry.conf import DEFAULT_PLACEMENT, conf
from tenantry.context import override_tenant
from tenantry.exceptions import InvalidIdentifier, KeyTaken
from tenantry.isolation import isolations
from tenantry.isolation.identifiers import MAX_KEY_BYTES
from tenantry.kinds import DEFAULT_KIND, MAX_KIND_BYTES, slug_for
from tenantry.types import TenantRef

if TYPE_CHECKING:
    from collections.abc import Collection

PERMANENT = ("key", "placement", "location", "kind")


class State(models.TextChoices):
    """What may be done with a tenant; only an active one is routable."""

    PROVISIONING = "provisioning", "being provisioned"
    ACTIVE = "active", "active"
    SUSPENDED = "suspended", "suspended"
    MAINTENANCE = "maintenance", "in maintenance"
    DROPPING = "dropping", "being dropped"


class TenantRow(models.Model):
    """The fields of a tenant. Saving it writes a row, and no more than a row."""

    key = models.CharField(
        max_length=MAX_KEY_BYTES,
        unique=True,
        validators=[validate_key, NotReserved()],
        help_text="Permanent identifier; names the schema, database or folder.",
    )
    name = models.CharField(max_length=200, blank=True)
    slug = models.CharField(
        max_length=63,
        unique=True,
        blank=True,
        validators=[validate_slug, NotReserved()],
        help_text="The subdomain or path prefix; the key unless given.",
    )
    kind = models.CharField(
        max_length=MAX_KIND_BYTES,
        default=DEFAULT_KIND,
        validators=[validate_kind],
        help_text="Its sort: which apps and URLs it has; permanent.",
    )
    placement = models.CharField(max_length=40, default=DEFAULT_PLACEMENT)
    location = models.CharField(max_length=200, editable=False)
    state = models.CharField(
        max_length=20, choices=State.choices, default=State.PROVISIONING, db_index=True
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    settings = SettingsField(
        default=dict,
        blank=True,
        help_text="Its own values of settings that TENANTRY['SETTINGS'] declares.",
    )

    class Meta:
        abstract = True
        ordering = ("key",)
        constraints = (
            models.UniqueConstraint(
                fields=("placement", "location"),
                name="%(app_label)s_%(class)s_one_location",
            ),
            models.CheckConstraint(
                condition=models.Q(key__regex=r"^[a-z][a-z0-9_-]*$"),
                name="%(app_label)s_%(class)s_key_form",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.key

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row, validated; a new key is taken for good.

        Raises `ValidationError`, and `KeyTaken` for a key used before.
        """
        if not self._state.adding:
            self.refuse_changes()
            self.seal_settings()
            changed = self.changed_settings(kwargs.get("update_fields"))
            if not changed:
                super().save(*args, **kwargs)
                return
            with override_tenant(None), transaction.atomic():
                super().save(*args, **kwargs)
                audit.record("tenant.settings_changed", tenant=self.key, names=changed)
            self._settings_as_stored = copy.deepcopy(self.settings)
            return
        self.complete()
        self.seal_settings()
        self.full_clean(validate_unique=False, validate_constraints=False)
        with override_tenant(None):
            try:
                with transaction.atomic():
                    UsedKey.objects.create(key=self.key)
                    super().save(*args, **kwargs)
            except IntegrityError:
                self._refuse_used_key()
                raise
        self.remember()

    @property
    def ref(self) -> TenantRef:
        """The frozen value that the context holds while this tenant is active."""
        return TenantRef(
            key=self.key,
            placement=self.placement,
            location=self.location,
            kind=self.kind,
        )

    @classmethod
    def from_db(
        cls,
        db: str | None,
        field_names: Collection[str],
        values: Collection[Any],
        **kwargs: Any,
    ) -> Any:
        """Remember what must not change."""
        instance = super().from_db(db, field_names, values, **kwargs)
        instance.remember()
        return instance

    def remember(self) -> None:
        """Note the values that `save` will hold the present ones against."""
        self._as_stored = {
            name: self.__dict__[name] for name in PERMANENT if name in self.__dict__
        }
        self._settings_as_stored = copy.deepcopy(self.__dict__.get("settings")) or {}

    def checked_settings(self) -> dict[str, Any]:
        """Return its own settings to be stored; raise where a changed one cannot be."""
        stored = getattr(self, "_settings_as_stored", {})
        if self.settings == stored:
            return stored
        return checked(self.key, self.settings, stored)

    def seal_settings(self) -> None:
        """Check its own settings, where they were read, and encrypt what is secret."""
        if "settings" in self.__dict__:
            self.settings = self.checked_settings()

    def changed_settings(self, saved: Collection[str] | None) -> list[str]:
        """Return the names of its own settings that saving those fields changes."""
        if "settings" not in self.__dict__ or (
            saved is not None and "settings" not in saved
        ):
            return []
        now, before = self.settings, getattr(self, "_settings_as_stored", {})
        return sorted(
            name
            for name in now.keys() | before.keys()
            if now.get(name) != before.get(name)
        )

    def complete(self) -> None:
        """Fill in what follows from the key: slug and location."""
        if not self.slug:
            self.slug = slug_for(self.key)
        if not self.location:
            try:
                self.location = isolations[self.placement].location_for(self.key)
            except InvalidIdentifier as error:
                raise ValidationError({"key": str(error)}) from error

    def clean_fields(self, exclude: Collection[str] | None = None) -> None:
        """Refuse what fields cannot be; a declared tenant keeps its reserved names."""
        declared = None if self._state.adding else conf.declared_tenants.get(self.key)
        with allow_names(*([] if declared is None else [declared.key, declared.slug])):
            super().clean_fields(exclude)

    def clean(self) -> None:
        """Refuse what would change, or collide with, something permanent."""
        super().clean()
        self.refuse_changes()
        self.checked_settings()
        validate_key(self.key)
        self.complete()

    def refuse_changes(self) -> None:
        """Raise `ValidationError` where a permanent value was changed."""
        for name, stored in getattr(self, "_as_stored", {}).items():
            if getattr(self, name) != stored:
                msg = (
                    f"{name} of tenant {self._as_stored['key']!r} is permanent: it is "
                    f"{stored!r} and cannot become {getattr(self, name)!r}."
                )
                raise ValidationError(msg, code="permanent")

    def _refuse_used_key(self) -> None:
        """Raise `KeyTaken` where the key is another's; what was tried is undone."""
        used = UsedKey.objects.filter(key=self.key).first()
        if used is None:
            return
        gone = used.dropped_at is not None
        raise KeyTaken(
            self.key,
            "record",
            "the key belonged to a tenant that was dropped; revived, old cookies, "
            "tokens and cached objects would fit again"
            if gone
            else "there is a tenant of that key already",
            next_step="Choose another key."
            if gone
            else f"See `manage.py tenants show {self.key}`.",
        ) from None


class DomainRow(models.Model):
    """The fields of a domain, but for the tenant, whose model is the project's."""

    host = HostField()
    path = PathField(
        blank=True, default="", help_text="Path prefix, such as '/eu'; usually empty."
    )
    is_primary = models.BooleanField(default=False)

    class Meta:
        abstract = True
        ordering = ("host", "path")
        constraints = (
            models.UniqueConstraint(
                fields=("host", "path"), name="%(app_label)s_%(class)s_one_tenant"
            ),
        )

    def __str__(self) -> str:
        return f"{self.host}{self.path}"


class UsedKey(models.Model):
    """A key that is, or was, a tenant's: never given to another."""

    key = models.CharField(primary_key=True, max_length=MAX_KEY_BYTES)
    dropped_at = models.DateTimeField(null=True)

    class Meta:
        app_label = "tenantry"

    def __str__(self) -> str:
        return self.key


class UsedToken(models.Model):
    """A token that may be used once, and was; kept until it is worthless anyway."""

    digest = models.CharField(primary_key=True, max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        app_label = "tenantry"

    def __str__(self) -> str:
        return self.digest[:12]


class CatalogVersion(models.Model):
    """One row, raised by every change of the catalog, by which processes notice it."""

    version = models.BigIntegerField(default=0)

    class Meta:
        app_label = "tenantry"

    def __str__(self) -> str:
        return str(self.version)


class StoredTemplate(models.Model):
    """The template of a placement and kind, for one state of the migrations."""

    placement = models.CharField(max_length=40)
    kind = models.CharField(max_length=MAX_KIND_BYTES, default=DEFAULT_KIND)
    digest = models.CharField(max_length=64)
    token = models.CharField(max_length=200)
    sql = models.TextField(blank=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "tenantry"
        constraints = (
            models.UniqueConstraint(
                fields=("placement", "digest"), name="tenantry_one_template"
            ),
        )

    def __str__(self) -> str:
        return f"{self.placement} {self.digest[:12]}"


class LifecycleRecord(models.Model):
    """What is being done to a tenant, the last step done, and by which process."""

    key = models.CharField(primary_key=True, max_length=MAX_KEY_BYTES)
    action = models.CharField(max_length=20)
    step = models.CharField(max_length=20)
    owner = models.CharField(max_length=200)
    touched_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "tenantry"

    def __str__(self) -> str:
        return f"{self.action} {self.key}: {self.step}"
