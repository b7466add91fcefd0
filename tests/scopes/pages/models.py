"""Templates that tenants have in rows."""

from tenantry.scopes.templates import AbstractTemplate


class Page(AbstractTemplate):
    """A template, with nothing of its own."""
