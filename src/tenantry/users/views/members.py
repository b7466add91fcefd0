"""Pages: members."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.urls import URLPattern

of_tenants: list[URLPattern] = []
of_shared_site: list[URLPattern] = []
