"""The people of a tenant who are users of its own."""

from __future__ import annotations

from tenantry.users.base import People


class ConfinedPeople(People):
    """The users that a tenant has for itself."""
