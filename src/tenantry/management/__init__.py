"""The commands, and `TenantCommand`: the base of commands of your own for tenants."""

from __future__ import annotations

from tenantry.management.base import TenantCommand

__all__ = ["TenantCommand"]
