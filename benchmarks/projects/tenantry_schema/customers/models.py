from tenantry.models import AbstractDomain, AbstractTenant


class Tenant(AbstractTenant):
    pass


class Domain(AbstractDomain):
    pass
