"""Seams of choices: where a shared user is to be chosen in a tenant, its members are.

A form for a row that refers to a user lists all accounts, and the look-up of the admin
searches them: a tenant's staff would read who the users of all other tenants are.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Exists, Field, OuterRef, Q
from django.forms import models as forms

from tenantry.seams.substitution import wrap
from tenantry.users import lookup
from tenantry.users.models import Membership

if TYPE_CHECKING:
    from tenantry.types import TenantRef

KEPT = "_tenantry_kept"  # on a form's field: the keys that its row has already


def forms_offer_members() -> None:
    """What a form lists, and what it takes.

    The row's own value stays, also of who has left: a form that lacked it would take it
    from the row. It is filtered when it is used, never on the field, which is the same
    for all tenants.
    """

    def begin(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        if self.instance.pk is None:
            return
        for name, field in self.fields.items():
            if isinstance(field, forms.ModelChoiceField) and _tenant_of(field.queryset):
                setattr(field, KEPT, _value_of(self.instance, name))

    def iterate(original: Any, self: Any, field: Any) -> None:
        original(self, field)
        self.queryset = offered(self.queryset, field)

    def take(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.queryset is None or _tenant_of(self.queryset) is None:
            return original(self, *args, **kwargs)
        field = copy.copy(self)
        field.__dict__["_queryset"] = offered(self.queryset, self)
        return original(field, *args, **kwargs)

    wrap(forms.BaseModelForm, "__init__", begin)
    wrap(forms.ModelChoiceIterator, "__init__", iterate)
    wrap(forms.ModelChoiceField, "to_python", take)
    wrap(forms.ModelMultipleChoiceField, "_check_values", take)


def the_admin_looks_up_members() -> None:
    """Its look-up as one types, its filters beside a list, the name behind a key."""

    def choices(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        related = getattr(self.remote_field, "model", None)
        tenant = None if related is None else lookup.tenant_of_users(related)
        if tenant is None:
            return original(self, *args, **kwargs)
        limit = kwargs.pop("limit_choices_to", None) or self.get_limit_choices_to()
        limit = limit if isinstance(limit, Q) else Q(**limit)
        limit &= members_of(tenant)
        return original(self, *args, limit_choices_to=limit, **kwargs)

    wrap(Field, "get_choices", choices)
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.views import autocomplete  # noqa: PLC0415  (has models)
    from django.contrib.admin.widgets import (  # noqa: PLC0415  (has models)
        ForeignKeyRawIdWidget,
    )

    def found(original: Any, self: Any) -> Any:
        return offered(original(self))

    def label(original: Any, self: Any, value: Any) -> Any:
        model, name = self.rel.model, self.rel.get_related_field().name
        tenant = lookup.tenant_of_users(model)
        shown, url = original(self, value)
        if not shown or tenant is None:
            return shown, url
        users = model._default_manager.filter(members_of(tenant), **{name: value})
        return (shown, url) if users.exists() else ("", "")

    wrap(autocomplete.AutocompleteJsonView, "get_queryset", found)
    wrap(ForeignKeyRawIdWidget, "label_and_url_for_value", label)


def members_of(tenant: TenantRef) -> Q:
    """Return which users are members of the tenant, suspended or not."""
    rows = Membership._default_manager.filter(tenant__key=tenant.key)
    return Q(Exists(rows.filter(user=OuterRef("pk"))))


def offered(queryset: Any, field: Any = None) -> Any:
    """Return those of the queryset that may be shown where a tenant is active."""
    tenant = _tenant_of(queryset)
    if tenant is None or queryset.query.is_sliced or queryset.query.combinator:
        return queryset
    return queryset.filter(members_of(tenant) | Q(pk__in=getattr(field, KEPT, ())))


def _tenant_of(queryset: Any) -> TenantRef | None:
    """Return the active tenant, where the queryset is of users who are its members."""
    model = getattr(queryset, "model", None)
    return None if model is None else lookup.tenant_of_users(model)


def _value_of(instance: Any, name: str) -> list[Any]:
    """Return the keys of the users that the row has in the field of that name."""
    fields = [*instance._meta.concrete_fields, *instance._meta.many_to_many]
    field = next((each for each in fields if each.name == name), None)
    if field is None:
        return []
    value = field.value_from_object(instance)
    if field.many_to_many:
        return [each.pk for each in value]
    return [] if value is None else [value]
