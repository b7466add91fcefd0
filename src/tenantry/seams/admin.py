"""Seams of the admin: a site shows the models of where it is visited, and no others."""

from __future__ import annotations

import copy
import functools
from typing import Any

from django.apps import apps
from django.core.exceptions import PermissionDenied
from django.http import Http404

from tenantry import guards
from tenantry.conf import conf
from tenantry.context import ACTIVE, override_tenant
from tenantry.seams.substitution import seam, wrap

# Set on a ModelAdmin of a shared model, it is shown in tenants' admins as well.
SHOWN_TO_TENANTS = "shown_to_tenants"
LINKS = (
    "can_add_related",
    "can_change_related",
    "can_delete_related",
    "can_view_related",
)


@seam
def the_admin_shows_what_is_there() -> None:
    """One registry serves tenants and the shared site; each has some of its models.

    Of a model that the place has not, the index says nothing and every page is a 404:
    it would be an error of the first query, or on a tenant's site lay the shared tables
    open to the tenant's staff.
    """
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin import sites  # noqa: PLC0415  (has models)

    def build_app_dict(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        shown = copy.copy(self)
        shown._registry = {
            model: model_admin
            for model, model_admin in self._registry.items()
            if is_shown(model, model_admin)
        }
        return original(shown, *args, **kwargs)

    def admin_view(original: Any, self: Any, view: Any, *args: Any, **kw: Any) -> Any:
        return original(self, _guarded(view), *args, **kw)

    wrap(sites.AdminSite, "_build_app_dict", build_app_dict)
    wrap(sites.AdminSite, "admin_view", admin_view)


@seam
def the_admin_offers_what_is_there() -> None:
    """Forms look up, and link to, models that may be on the other side."""
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin import options, widgets  # noqa: PLC0415  (has models)
    from django.contrib.admin.views import autocomplete  # noqa: PLC0415

    def process_request(original: Any, self: Any, request: Any) -> Any:
        found = original(self, request)
        _, model_admin, source_field, _ = found
        source = source_field.model
        of_source = self.admin_site._registry.get(source)
        if not is_shown(source, of_source) or not is_in_reach(model_admin.model):
            raise PermissionDenied
        return found

    def formfield(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        field = original(self, *args, **kwargs)
        widget = getattr(field, "widget", None)
        if isinstance(widget, widgets.RelatedFieldWidgetWrapper):
            model = widget.rel.model
            if not is_shown(model, self.admin_site._registry.get(model)):
                for name in LINKS:
                    setattr(widget, name, False)
        return field

    wrap(autocomplete.AutocompleteJsonView, "process_request", process_request)
    wrap(options.BaseModelAdmin, "formfield_for_dbfield", formfield)


@seam
def the_admin_says_before_that_owners_stay() -> None:
    """It asks what is protected, and deletes the rest: refused then, it would be a 500.

    No relation protects the user of a tenant's own who owns it: that is recorded in the
    shared database.
    """
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin import utils  # noqa: PLC0415  (has models)

    def collect(
        original: Any, self: Any, objs: Any, source: Any = None, *args: Any, **kw: Any
    ) -> None:
        original(self, objs, source, *args, **kw)
        if source is None:
            self.protected.update(each for each in objs if owns_its_tenant(each))

    wrap(utils.NestedObjects, "collect", collect)


@seam
def the_log_of_all_tenants_is_shown_to_none() -> None:
    """An object's history is found by model and key, which objects of tenants share.

    So it is by `LogEntry`, in whose table it says nothing of the tenant: where that is
    one for all, staff would read what others' staff did, and their names.
    """
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin import options  # noqa: PLC0415  (has models)

    def history_view(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if logs_are_mixed(self.model):
            raise Http404("The admin's log is one for all tenants (tenantry.W080).")
        return original(self, *args, **kwargs)

    wrap(options.ModelAdmin, "history_view", history_view)


def _guarded(view: Any) -> Any:
    """Return the view; one of a model is not found where the model is not."""
    model_admin = getattr(view, "__self__", None)
    model = getattr(model_admin, "model", None)
    if model is None:
        return view

    @functools.wraps(view)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        if not is_shown(model, model_admin):
            raise Http404
        return view(*args, **kwargs)

    return guarded


def is_shown(model: Any, model_admin: Any) -> bool:
    """Whether an admin that is visited now shows the model.

    On the shared site: what has shared tables. In a tenant: what has tables in it; what
    is shared only where the ModelAdmin says so.
    """
    side = guards.sides_now()[model._meta.app_label]
    if ACTIVE.get() is None:
        return side.shared or not side.tenants
    if side.tenants:
        return True
    if side.shared:
        return bool(getattr(model_admin, SHOWN_TO_TENANTS, False))
    return not side.elsewhere


def owns_its_tenant(instance: Any) -> bool:
    """Whether it is the active tenant's own user who owns the tenant."""
    from tenantry.catalog.people import TenantOwner  # noqa: PLC0415  (has models)

    tenant = ACTIVE.get()
    if tenant is None or instance._meta.label != conf.auth_user_model:
        return False
    if instance._state.db != tenant.label:
        return False
    with override_tenant(None):
        owners = TenantOwner.objects.filter(tenant_key=tenant.key)
        return owners.filter(user_pk=str(instance.pk)).exists()


def logs_are_mixed(model: Any) -> bool:
    """Whether the log that is read now has entries of several tenants' objects."""
    if not guards.sides[None][model._meta.app_label].tenants:
        return False
    tenant = ACTIVE.get()
    kinds = conf.kinds if tenant is None else (tenant.kind,)
    return not all(guards.sides[kind]["admin"].tenants for kind in kinds)


def is_in_reach(model: Any) -> bool:
    """Whether the model's rows can be read now."""
    side = guards.sides_now()[model._meta.app_label]
    if ACTIVE.get() is None:
        return side.shared or not side.tenants
    return not side.elsewhere
