"""What processes of the lifecycle tests do; each is called in a process of its own."""

import os
import signal
from contextlib import contextmanager

from tests.projects import wait_at


@contextmanager
def at_step(step, done, do):
    """Do something before (done=False) or after a step, in this process."""
    from tenantry.signals import lifecycle_step

    def receiver(**sent):
        if (sent["step"], sent["done"]) == (step, done):
            do()

    lifecycle_step.connect(receiver)
    try:
        yield
    finally:
        lifecycle_step.disconnect(receiver)


def die():
    """End this process as a power cut would."""
    os.kill(os.getpid(), signal.SIGKILL)


def provision(key, **fields):
    """Provision a tenant with a domain; return its key."""
    from tests.customers.models import Tenant

    domains = fields.pop("domains", [f"{key}.example.com"])
    return Tenant.objects.provision(key=key, domains=domains, **fields).key


def drop(key):
    """Drop a tenant."""
    from tests.customers.models import Tenant

    Tenant.objects.get(key=key).drop(confirm=key)


def die_in_provision(key, step, done):
    """Be killed while provisioning."""
    with at_step(step, done, die):
        provision(key)


def die_in_drop(key, step, done):
    """Be killed while dropping."""
    with at_step(step, done, die):
        drop(key)


def look(key):
    """Return what is there of a tenant: answer to a request, rows, location."""
    from django.test import Client

    from tenantry.isolation import isolations
    from tenantry.models import LifecycleRecord, UsedKey
    from tests.customers.models import Domain, Tenant

    isolation = isolations["default"]
    is_there = isolation.is_occupied if isolation.shares_tables else isolation.exists
    tenant = Tenant.objects.filter(key=key).first()
    record = LifecycleRecord.objects.filter(key=key).first()
    used = UsedKey.objects.filter(key=key).first()
    answer = Client().get("/", headers={"host": f"{key}.example.com"})
    return {
        "answer": answer.status_code,
        "state": tenant and tenant.state,
        "location": is_there(isolation.ref(key=key)),
        "domains": Domain.objects.filter(host=f"{key}.example.com").count(),
        "record": record and record.action,
        "key": None if used is None else "dropped" if used.dropped_at else "used",
    }


def wait_then_provision(folder, name, key, **fields):
    """Wait for the others before the first step, then provision; say what came of it.

    *step* may name another step to wait before.
    """
    from tenantry.exceptions import TenantryError

    step = fields.pop("step", "recorded")
    try:
        with at_step(step, False, lambda: wait_at(folder, name)):
            provision(key, **fields)
    except TenantryError as error:
        return type(error).__name__, str(error)
    return "made", key


def error_of(function):
    """Return the name and text of the error that the function raises."""
    try:
        function()
    except Exception as error:  # noqa: BLE001  (told to the test)
        return type(error).__name__, str(error)
    return None


def error_of_provision(key):
    """Provision a tenant that is refused; return the error."""
    return error_of(lambda: provision(key))


def provision_with_bad_receiver(key):
    """Provision while a receiver of `tenant_provisioned` raises; then once more."""
    from tenantry.signals import tenant_provisioned
    from tests.shop.models import Author

    def receiver(**_):
        Author.objects.create(name="seeded")
        raise ZeroDivisionError

    tenant_provisioned.connect(receiver)
    try:
        error = error_of(lambda: provision(key))
    finally:
        tenant_provisioned.disconnect(receiver)
    return error[0], look(key)


def act_in_atomic(key, other):
    """Provision *key* and drop *other* inside an atomic block."""
    from django.db import transaction

    def within(act):
        with transaction.atomic():
            act()

    return (
        error_of(lambda: within(lambda: provision(key))),
        error_of(lambda: within(lambda: drop(other))),
    )


def provision_again(key):
    """Provision a key that was dropped; return the error, and that of a mere row."""
    from tests.customers.models import Tenant

    return (
        error_of(lambda: provision(key)),
        error_of(lambda: Tenant(key=key, slug="other").save()),
    )


def authors(key, *, add=None):
    """Return the names of a tenant's authors, after adding one."""
    from tenantry import override_tenant
    from tests.shop.models import Author

    with override_tenant(key):
        if add:
            Author.objects.create(name=add)
        return list(Author.objects.order_by("pk").values_list("pk", "name"))


def names(key, *, add=None):
    """Return the names of a tenant's authors, after adding one."""
    return [name for _, name in authors(key, add=add)]
