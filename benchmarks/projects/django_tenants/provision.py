from copies import copy_schema
from customers.models import Domain, Tenant
from django.core.management import call_command
from django_tenants.utils import schema_context
from shop.rows import make_rows


def make(keys):
    call_command("migrate_schemas", schema_name="public", verbosity=0)
    for number, key in enumerate(keys):
        tenant = Tenant(schema_name=key, name=key)
        tenant.auto_create_schema = number == 0
        tenant.save(verbosity=0)
        Domain.objects.create(domain=f"{key}.localhost", tenant=tenant, is_primary=True)
    copy_schema(keys[0], keys[1:])
    for key in keys:
        with schema_context(key):
            make_rows(key)
