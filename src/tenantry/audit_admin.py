"""The audit, impersonations and invitations, read in the shared site's admin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

from tenantry.users import impersonation

if TYPE_CHECKING:
    from django.db.models import QuerySet
    from django.http import HttpRequest

__all__ = ["AuditEntryAdmin", "ImpersonationAdmin", "InvitationAdmin"]


class ReadOnlyAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows that acts write, and nobody changes."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Acts write entries; nobody else does."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: they are written once."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: they stay."""
        del request, obj
        return False


class AuditEntryAdmin(ReadOnlyAdmin):
    """Entries by date, action and whom they name, for who may view them."""

    date_hierarchy = "at"
    list_display = ("at", "tenant_key", "action", "actor", "impersonator", "target")
    list_filter = ("at", ("action", admin.AllValuesFieldListFilter))
    search_fields = ("tenant_key", "actor", "impersonator", "target", "address")
    show_full_result_count = False


class ImpersonationAdmin(ReadOnlyAdmin):
    """Who acts or acted as whom, and why; those that are running can be ended."""

    actions = ("end_impersonations",)
    date_hierarchy = "created_at"
    list_display = (
        "created_at",
        "tenant_key",
        "impersonator",
        "user",
        "reason",
        "started_at",
        "expires_at",
        "ended_at",
    )
    search_fields = ("tenant_key", "impersonator", "user", "reason")

    @admin.action(description="End", permissions=["impersonate"])
    def end_impersonations(self, request: HttpRequest, chosen: QuerySet[Any]) -> None:
        """End them: their sessions are refused from the next request on."""
        ended = sum(impersonation.end(row.pk, by=request.user) for row in chosen)
        self.message_user(request, f"Ended: {ended}.")

    def has_impersonate_permission(self, request: HttpRequest) -> bool:
        """Whether the user may act as users of tenants, and so end that."""
        return impersonation.may_impersonate(request.user)


class InvitationAdmin(ReadOnlyAdmin):
    """Who was invited where, by whom, and what became of it."""

    date_hierarchy = "created_at"
    exclude = ("digest",)
    list_display = (
        "email",
        "tenant_key",
        "invited_by",
        "created_at",
        "expires_at",
        "accepted_at",
        "withdrawn_at",
    )
    search_fields = ("email", "tenant_key", "invited_by")
