"""The tenant and domain models; tenantry's own fields are all that they need."""

from __future__ import annotations

from tenantry.models import AbstractDomain, AbstractTenant


class Tenant(AbstractTenant):
    """A customer with a shop."""


class Domain(AbstractDomain):
    """A host of a tenant's own, beside `<key>.localhost`."""
