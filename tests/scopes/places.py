"""Two tenants that no database knows, for what has no table."""

from tenantry.types import TenantRef


class Place:
    """Stands for a tenant's row."""

    def __init__(self, key):
        self.key = key
        self.ref = TenantRef(key=key, location=key)


ACME, GLOBEX = Place("acme"), Place("globex")
