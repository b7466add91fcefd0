from customers.models import Domain, Tenant
from django.core.management import call_command
from django.db.models import QuerySet
from shop.rows import make_rows

from tenantry import override_tenant
from tenantry.models import UsedKey


def make(keys):
    """Make the tables by provisioning the first tenant; the others as rows alone.

    What a tenant costs that is provisioned is another part's.
    """
    call_command("migrate", verbosity=0)
    first, *others = keys
    Tenant.objects.provision(key=first, name=first, domains=[f"{first}.localhost"])
    UsedKey.objects.bulk_create(UsedKey(key=key) for key in others)
    made = QuerySet(Tenant).bulk_create(
        Tenant(key=key, name=key, slug=key, location=key, state="active")
        for key in others
    )
    QuerySet(Domain).bulk_create(
        Domain(tenant=tenant, host=f"{tenant.key}.localhost", is_primary=True)
        for tenant in made
    )
    with override_tenant(first):
        make_rows(first)
