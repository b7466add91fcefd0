"""The catalog that tenantry needs to be installed; one tenant at most is in it."""

from tenantry.models import AbstractTenant


class Tenant(AbstractTenant):
    class Meta(AbstractTenant.Meta):
        app_label = "tenantry_suite_catalog"
