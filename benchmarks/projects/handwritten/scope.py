"""The rows of a tenant: those that are filtered by hand."""

from sales.models import Sale


def within(key, act, *arguments):
    return act(Sale.objects.filter(tenant_key=key), *arguments)
