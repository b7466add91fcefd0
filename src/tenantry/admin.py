"""The admin of tenants and domains, for the shared site; a project registers it.

    @admin.register(Tenant)
    class TenantAdmin(tenantry.admin.TenantAdmin):
        pass

The audit is registered with Django's own admin site by itself.

Adding a tenant provisions it; it is suspended, resumed, migrated and dropped as by the
verbs of `manage.py tenants`. Its row alone can be neither made nor deleted.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import NoReverseMatch, path, reverse
from django.utils.html import format_html

from tenantry.audit_admin import (
    AuditEntryAdmin,
    ImpersonationAdmin,
    InvitationAdmin,
)
from tenantry.catalog.models import PERMANENT, TenantRow
from tenantry.catalog.people import AuditEntry, Impersonation, Invitation
from tenantry.catalog.registry import Entry, registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import LifecycleError, NotSupported
from tenantry.fleet.migrate import migrate_fleet
from tenantry.fleet.plan import plan_fleet
from tenantry.fleet.runner import Step, run
from tenantry.isolation import isolations
from tenantry.lifecycle import provision as lifecycle
from tenantry.lifecycle import state as service
from tenantry.routing.absolute import absolute_url
from tenantry.users.impersonation import may_impersonate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from django.db.models import QuerySet
    from django.http import HttpRequest, HttpResponse

__all__ = [
    "AuditEntryAdmin",
    "DomainAdmin",
    "DomainInline",
    "ImpersonationAdmin",
    "InvitationAdmin",
    "TenantAdmin",
]

GIVEN = ("key", "name", "slug", "kind", "placement")
MADE = "_tenantry_recorded"


class DomainInline(admin.TabularInline):  # type: ignore[type-arg]
    """The domains of a tenant, on its page."""

    fields = ("host", "path", "is_primary")
    extra = 1


class DomainAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """All domains, to find whose a host is."""

    list_display = ("host", "path", "tenant", "is_primary")
    list_select_related = ("tenant",)
    raw_id_fields = ("tenant",)
    search_fields = ("host", "tenant__key", "tenant__name")


class TenantAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Tenants, with the acts that make, change and remove them.

    `shows_migrations = False` leaves out the column that asks each tenant of a page how
    many migrations are to be applied.
    """

    actions = (
        "resume_provisioning",
        "suspend_tenants",
        "resume_tenants",
        "migrate_tenants",
        "drop_tenant",
    )
    change_form_template = "admin/tenantry/change_form.html"
    list_display = ("key", "name", "state", "kind", "placement", "address")
    list_filter = ("state", "kind", "placement")
    list_per_page = 50
    search_fields = ("key", "name", "slug")
    shows_migrations = True

    # What is shown.

    def get_list_display(self, request: HttpRequest) -> Any:
        """Add the migrations that are to be applied."""
        shown = super().get_list_display(request)
        return [*shown, "to_migrate"] if self.shows_migrations else shown

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """Ask the tenants of this page, all at once, what is to be applied."""
        found = super().get_changelist_instance(request)
        if self.shows_migrations:
            rows = list(found.result_list)
            plan = plan_fleet([row.ref for row in rows])
            pending: dict[str, Any] = {
                ref.key: len(group.migrations)
                for group in plan.groups
                for ref in group.refs
            }
            for row in rows:
                row.migrations_to_apply = pending.get(row.key, "cannot be read")
            found.result_list = rows
        return found

    @admin.display(description="migrations to apply")
    def to_migrate(self, tenant: Any) -> Any:
        """Return how many there are."""
        return tenant.migrations_to_apply

    @admin.display(description="address")
    def address(self, tenant: Any) -> str:
        """Return a link to the tenant's site."""
        try:
            url = absolute_url(Entry(tenant))
        except NotSupported:
            return "-"
        return format_html('<a href="{}">{}</a>', url, url.partition("://")[2])

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Ask for what a tenant is made of; the rest follows from it, or from acts."""
        del request
        own = {field.name for field in TenantRow._meta.fields}
        more = [
            field.name
            for field in self.opts.fields
            if field.editable and not field.primary_key and field.name not in own
        ]
        if obj is None:
            return [*GIVEN, *more]
        settings = ("settings",) if conf.declared_settings else ()
        return [*GIVEN, *more, *settings, "state", "location", "created_at"]

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Protect what is permanent, and what acts change."""
        given = super().get_readonly_fields(request, obj)
        return given if obj is None else [*given, *PERMANENT, "state", "created_at"]

    def formfield_for_dbfield(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        """Offer the kinds and placements that the settings have."""
        known = {"kind": conf.kinds, "placement": conf.placements}.get(db_field.name)
        if known is None:
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        return forms.ChoiceField(
            choices=[(name, name) for name in known], initial=db_field.default
        )

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        """Add the tenant's domains, where the project has no inline of its own."""
        inlines = list(super().get_inlines(request, obj))
        model = registry.domain_model
        if model is not None and not any(each.model is model for each in inlines):
            inlines.append(type("DomainInline", (DomainInline,), {"model": model}))
        return inlines

    # Making one.

    @transaction.non_atomic_requests
    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Record the tenant in a transaction, as Django does; then provision it."""
        try:
            response = super().add_view(request, form_url, extra_context)
        except LifecycleError as error:
            self.message_user(request, str(error), messages.ERROR)
            return self._ask_again(request)
        tenant = getattr(request, MADE, None)
        return response if tenant is None else self._provision(request, tenant)

    def save_model(  # noqa: PLR0917  (Django's own signature)
        self, request: HttpRequest, obj: Any, form: Any, change: Any
    ) -> None:
        """Write the row; of a new tenant also that it is being provisioned."""
        if change:
            super().save_model(request, obj, form, change)
            return
        lifecycle.record(obj)
        setattr(request, MADE, obj)

    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Go to the list, and say nothing: it is not done yet."""
        del obj, post_url_continue
        again = "_addanother" in request.POST
        return HttpResponseRedirect(self._url("add" if again else "changelist"))

    def _provision(self, request: HttpRequest, tenant: Any) -> HttpResponse:
        def act(_ref: Any) -> None:
            with override_tenant(None):
                lifecycle.finish(tenant)

        (step,) = run([tenant.ref], act)
        if not step.ok:
            self._tell(request, [step], "")
            return self._ask_again(request)
        self._tell(request, [step], "active")
        return self.response_add(request, tenant)

    def _ask_again(self, request: HttpRequest) -> HttpResponse:
        """Show the form once more, with what was given."""
        given = {name: request.POST.get(name, "") for name in GIVEN}
        return HttpResponseRedirect(f"{self._url('add')}?{urlencode(given)}")

    # Acts.

    @transaction.non_atomic_requests
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or do an act on the chosen tenants: in no transaction."""
        return super().changelist_view(request, extra_context)

    @admin.action(description="Finish what was left half-way", permissions=["change"])
    def resume_provisioning(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Finish what a process that died had begun on them."""

        def act(tenant: Any) -> None:
            with override_tenant(None):
                lifecycle.resume(tenant.key)

        self._each(request, chosen, act=act, done="finished")

    @admin.action(description="Suspend", permissions=["change"])
    def suspend_tenants(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Take them out of service."""
        self._each(request, chosen, act=service.suspend, done="suspended")

    @admin.action(description="Resume", permissions=["change"])
    def resume_tenants(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Serve them again."""
        self._each(request, chosen, act=service.resume, done="active")

    @admin.action(description="Migrate", permissions=["change"])
    def migrate_tenants(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """Apply the migrations that are behind."""
        steps = migrate_fleet(plan_fleet([tenant.ref for tenant in chosen]))
        self._tell(request, steps, "migrated")
        if not steps:
            self.message_user(request, "All of them are up to date.")

    @admin.action(description="Drop …", permissions=["drop"])
    def drop_tenant(
        self, request: HttpRequest, chosen: QuerySet[Any]
    ) -> HttpResponse | None:
        """Ask for confirmation, on a page of its own."""
        if len(chosen) != 1:
            text = "Drop one tenant at a time: its key is to be typed."
            self.message_user(request, text, messages.ERROR)
            return None
        return HttpResponseRedirect(self._url("drop", chosen[0]))

    def _each(
        self,
        request: HttpRequest,
        chosen: QuerySet[Any],
        *,
        act: Callable[[Any], Any],
        done: str,
    ) -> None:
        rows = {tenant.key: tenant for tenant in chosen}
        steps = run([t.ref for t in rows.values()], lambda ref: act(rows[ref.key]))
        self._tell(request, steps, done)

    def _tell(self, request: HttpRequest, steps: Sequence[Step], done: str) -> None:
        """Show what became of each tenant."""
        good = [step.key for step in steps if step.ok]
        if good:
            one = len(good) == 1
            who = f"Tenant {good[0]} is" if one else f"Tenants {', '.join(good)} are"
            self.message_user(request, f"{who} {done}.", messages.SUCCESS)
        for step in steps:
            if not step.ok:
                text = f"Tenant {step.key}: {type(step.error).__name__}: {step.error}"
                self.message_user(request, text, messages.ERROR)

    # Removing one.

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Refuse: a row that is deleted alone would leave its data behind."""
        del request, obj
        return False

    def has_drop_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the user may drop tenants: who may delete their rows, says Django."""
        return super().has_delete_permission(request, obj)

    def get_urls(self) -> list[Any]:
        """Add the page that drops a tenant."""
        view = self.admin_site.admin_view(self.drop_view)
        name = f"{self.opts.app_label}_{self.opts.model_name}_drop"
        return [path("<path:object_id>/drop/", view, name=name), *super().get_urls()]

    def render_change_form(
        self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        """Link to that page, and to that on which staff act as users of the tenant."""
        tenant = kwargs.get("obj")
        if tenant is not None and self.has_drop_permission(request, tenant):
            context["drop_url"] = self._url("drop", tenant)
        if tenant is not None and may_impersonate(request.user):
            with suppress(NoReverseMatch):
                page = reverse("tenantry_impersonate")
                query = urlencode({"tenant": tenant.key})
                context["impersonate_url"] = f"{page}?{query}"
        return super().render_change_form(request, context, *args, **kwargs)

    @transaction.non_atomic_requests
    def drop_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Drop the tenant when its key has been typed."""
        tenant = self.get_object(request, unquote(object_id))
        if tenant is None:
            raise Http404
        if not self.has_drop_permission(request, tenant):
            raise PermissionDenied
        wrong = ""
        if request.method == "POST":
            typed = request.POST.get("confirm", "")
            steps = run([tenant.ref], lambda _: tenant.drop(confirm=typed))
            if steps[0].ok:
                self._tell(request, steps, "dropped, with all its data")
                return HttpResponseRedirect(self._url("changelist"))
            wrong = str(steps[0].error)
            if typed != tenant.key:
                wrong = (
                    f"{typed!r} is not its key, {tenant.key!r}: nothing was dropped."
                )
        context = {
            **self.admin_site.each_context(request),
            "title": f"Drop {tenant.key}",
            "opts": self.opts,
            "original": tenant,
            "isolation": isolations[tenant.placement].name,
            "wrong": wrong,
            "back_url": self._url("change", tenant),
        }
        return TemplateResponse(request, "admin/tenantry/drop.html", context)

    def _url(self, name: str, tenant: Any = None) -> str:
        """Return the URL of one of this model's pages."""
        info = f"{self.opts.app_label}_{self.opts.model_name}_{name}"
        args = () if tenant is None else (quote(tenant.pk),)
        site = self.admin_site.name
        return reverse(f"{site}:{info}", args=args, current_app=site)


admin.site.register(AuditEntry, AuditEntryAdmin)
admin.site.register(Impersonation, ImpersonationAdmin)
admin.site.register(Invitation, InvitationAdmin)
