"""Serve tenants again that were suspended, or in maintenance."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tenantry.cli.suspend import add_arguments, change
from tenantry.lifecycle.state import resume

if TYPE_CHECKING:
    from django.core.management.base import BaseCommand

__all__ = ["add_arguments", "handle"]


def handle(command: BaseCommand, options: dict[str, Any]) -> None:
    """Resume the chosen tenants; never all of them by default."""
    change(command, options, resume, verb="resume")
