from copies import copy_schema
from customers.models import Domain, Tenant
from django.core.management import call_command
from shop.rows import make_rows


def make(keys):
    call_command("migrateschema", schemas=["public"], verbosity=0)
    for number, key in enumerate(keys):
        tenant = Tenant(schema_name=key, name=key)
        tenant.auto_create_schema = number == 0
        tenant.save(verbosity=0)
        Domain.objects.create(domain=f"{key}.localhost", tenant=tenant, is_primary=True)
    copy_schema(keys[0], keys[1:])
    for tenant in Tenant.objects.all():
        with tenant:
            make_rows(tenant.schema_name)
