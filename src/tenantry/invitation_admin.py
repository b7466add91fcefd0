"""Invitations in the shared site's admin: to be read; the acts change them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib import admin

if TYPE_CHECKING:
    from django.http import HttpRequest

__all__ = ["InvitationAdmin"]


class InvitationAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
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

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Return False: an invitation is a mail, too."""
        del request
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: it would be another than was sent."""
        del request, obj
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return False: it is withdrawn, and stays to be seen."""
        del request, obj
        return False
