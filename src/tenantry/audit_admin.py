"""The audit, to be read in the shared site's admin and changed nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["AuditEntryAdmin"]


class AuditEntryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Entries by date, action and whom they name, for who may view them."""

    date_hierarchy = "at"
    list_display = ("at", "tenant_key", "action", "actor", "impersonator", "target")
    list_filter = ("at", ("action", admin.AllValuesFieldListFilter))
    search_fields = ("tenant_key", "actor", "impersonator", "target", "address")
    show_full_result_count = False

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
