"""The catalog of the test project."""

from tenantry.models import AbstractDomain, AbstractTenant


class Tenant(AbstractTenant):
    """A tenant, with nothing of its own."""


class Domain(AbstractDomain):
    """A domain, with nothing of its own."""
