"""Tasks of a project whose queue is a table, for a worker in another process."""

try:
    from django.tasks import task
except ImportError:  # Django 5.2
    from django_tasks import task

from tenantry import get_tenant, override_tenant


@task
def note(expected):
    """Write a row into the tenant; say which it was."""
    from tests.shop.models import Tag

    tenant = get_tenant()
    if tenant is not None:
        Tag.objects.create(name=f"for {expected}")
    return tenant and tenant.key


def prepare():
    """Provision tenants, and enqueue a task in each place: return the results' ids."""
    from tests.customers.models import Tenant

    ids = {}
    for key in ("a", "b", "gone"):
        Tenant.objects.provision(key=key)
    for place in ("a", None, "b", "gone", "a", None):
        with override_tenant(place):
            ids[f"{place} {len(ids)}"] = note.enqueue(str(place)).id
    Tenant.objects.get(key="gone").drop(confirm="gone")
    return ids


def look(ids):
    """Return what became of the tasks, and what is in each tenant."""
    from tests.shop.models import Tag

    results = {}
    for name, result_id in ids.items():
        result = note.get_result(result_id)
        errors = [error.exception_class_path for error in result.errors]
        results[name] = errors or result.return_value
    rows = {}
    for key in ("a", "b"):
        with override_tenant(key):
            rows[key] = list(Tag.objects.values_list("name", flat=True))
    return [results, rows]
