"""Rows by which a tenant is recognized: a marker in every text, under colliding keys.

The same is made of every model in two tenants, marker aside: primary keys, slugs and
all that has no text are equal, as they are where two tenants are of the same age.
"""

from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.exceptions import FieldDoesNotExist, ImproperlyConfigured
from django.db import models, transaction
from django.utils import timezone

from tenantry.conf import conf
from tenantry.context import override_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tenantry.types import TenantRef

PK = 990_001
CHILD_PK = PK + 1  # of models that inherit another's table, where PK is a row's already
SLUG = "same-slug"
UUID = uuid.UUID(int=PK)
CONTENT_TYPES = "contenttypes"


class CannotMake(Exception):
    """A row that nobody knows how to make."""


def tenant_models(kind: str) -> list[type[models.Model]]:
    """Return the models with a table in each tenant of the kind.

    Content types are left out: their rows are those that migrations make.
    """
    labels = conf.apps_of(kind) - {CONTENT_TYPES}
    return [
        model
        for model in apps.get_models()
        if model._meta.app_label in labels
        and model._meta.managed
        and not model._meta.proxy
        and not model._meta.swapped
    ]


class Canaries:
    """The rows of one tenant; `skipped` has the reason for each that is missing."""

    def __init__(self, ref: TenantRef | None, marker: str) -> None:
        self.ref = ref
        self.marker = marker
        self.made: dict[type[models.Model], models.Model] = {}
        self.skipped: dict[str, str] = {}
        self._begun: set[type[models.Model]] = set()

    def make_all(self, wanted: Iterable[type[models.Model]]) -> None:
        """Make a row of each model, and of those that it needs."""
        with override_tenant(self.ref):
            for model in wanted:
                self.try_to_make(model)

    def try_to_make(self, model: type[models.Model]) -> models.Model | None:
        """Return the model's row, made now if need be; None where that fails."""
        if model in self.made:
            return self.made[model]
        if model in self._begun:
            return None
        self._begun.add(model)
        try:
            with transaction.atomic():
                self.made[model] = self._make(model)
        except Exception as error:  # noqa: BLE001  (reported for its model)
            self.skipped[model._meta.label] = f"{type(error).__name__}: {error}"
        return self.made.get(model)

    def _make(self, model: type[models.Model]) -> models.Model:
        made = model()
        for field in model._meta.concrete_fields:
            parent = field.remote_field is not None and field.remote_field.parent_link
            if not parent and not field.generated:
                setattr(made, field.attname, self._value(model, field))
        made.save()
        return made

    def _value(self, model: type[models.Model], field: Any) -> Any:
        if field.primary_key and field.remote_field is None:
            return key_for(field, child=bool(model._meta.parents))
        if field.remote_field is not None:
            return self._related(field)
        if field.choices and not isinstance(field, models.BooleanField):
            return field.flatchoices[0][0]
        return value_for(field, self.marker)

    def _related(self, field: Any) -> Any:
        target = field.remote_field.model
        if target._meta.app_label == CONTENT_TYPES:
            row = target.objects.get_for_model(target)
        elif conf.in_tenants(target._meta.app_label):
            row = self.try_to_make(target)
        else:
            with override_tenant(None):
                row = target._base_manager.first() or shared_row(target)
        if row is None and not field.null:
            msg = f"{field.name} needs a {target._meta.label}, and there is none"
            raise CannotMake(msg)
        return None if row is None else getattr(row, field.target_field.attname)

    def superuser(self) -> models.Model | None:
        """Return a user who may see all that the tenant has, or None."""
        try:
            user_model = get_user_model()
        except ImproperlyConfigured:
            return None
        if conf.in_tenants(user_model._meta.app_label):
            with override_tenant(self.ref):
                return _empowered(self.try_to_make(user_model))
        with override_tenant(None):
            return _empowered(shared_row(user_model))


def shared_row(model: type[models.Model]) -> models.Model | None:
    """Return a row of a shared model, which is nobody's canary."""
    found = model._base_manager.filter(pk=PK).first()
    return found or Canaries(None, "shared").try_to_make(model)


def _empowered(user: Any) -> models.Model | None:
    if user is None:
        return None
    for name in ("is_active", "is_staff", "is_superuser"):
        try:
            user._meta.get_field(name)
        except FieldDoesNotExist:
            continue
        setattr(user, name, True)
    user.save()
    empowered: models.Model = user
    return empowered


def key_for(field: Any, *, child: bool = False) -> Any:
    """Return a primary key that both tenants have."""
    number = CHILD_PK if child else PK
    if isinstance(field, models.UUIDField):
        return uuid.UUID(int=number)
    if isinstance(field, models.CharField | models.TextField):
        return str(number)
    if isinstance(field, models.SmallIntegerField | models.SmallAutoField):
        return number % 1000
    return number


def _text(field: Any, marker: str) -> str:
    short = field.max_length is not None and field.max_length < len(marker)
    return "x" if short else marker


# The first that fits; what none fits gets its default.
VALUES: list[tuple[type | tuple[type, ...], Callable[[Any, str], Any]]] = [
    (models.SlugField, lambda _field, _marker: SLUG),
    (models.EmailField, lambda _field, marker: f"{marker}@example.com"),
    (models.URLField, lambda _field, marker: f"https://example.com/{marker}"),
    (models.FileField, lambda _field, marker: f"{marker}.txt"),
    ((models.CharField, models.TextField), _text),
    (models.JSONField, lambda _field, marker: {"canary": marker}),
    (models.BinaryField, lambda _field, marker: marker.encode()),
    (models.UUIDField, lambda _field, _marker: UUID),
    (models.DateTimeField, lambda _field, _marker: timezone.now()),
    (models.DateField, lambda _field, _marker: timezone.localdate()),
    (models.TimeField, lambda _field, _marker: dt.time(12)),
    (models.DurationField, lambda _field, _marker: dt.timedelta(1)),
    (models.DecimalField, lambda _field, _marker: decimal.Decimal(1)),
    ((models.IntegerField, models.FloatField), lambda _field, _marker: 1),
    (models.GenericIPAddressField, lambda _field, _marker: "192.0.2.1"),
]


def value_for(field: Any, marker: str) -> Any:
    """Return a value with the marker where it is text, and else the same for all."""
    if field.has_default() and not isinstance(
        field, models.CharField | models.TextField | models.JSONField
    ):
        return field.get_default()
    for sort, make in VALUES:
        if isinstance(field, sort):
            return make(field, marker)
    if field.null:
        return None
    return field.get_default()
