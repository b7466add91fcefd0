from customers.models import Tenant
from django.core.management import call_command
from shop.rows import make_rows

from tenantry import override_tenant


def make(keys):
    call_command("migrate", verbosity=0)
    Tenant.objects.provision_many(
        {"key": key, "name": key, "domains": [f"{key}.localhost"]} for key in keys
    )
    for tenant in Tenant.objects.all():
        with override_tenant(tenant):
            make_rows(tenant.key)
