"""A Celery app over the project's tenants, whose tasks prove where they ran.

Each task is told by its sender where it should run, and writes that down in the tenant
that it runs in: in a table of its own, whose primary keys are the same in all tenants.
"""

import os

import django
from celery import Celery, chain, chord

from tenantry import get_tenant, override_tenant
from tenantry.contrib.celery import setup

PK = 1_000_001
# What a batch makes of each tenant: runs by what they are.
BATCH = {"plain": 1, "fail": 1, "error": 1, "retry": 2, "link": 2, "part": 2, "body": 1}


def make(name, *, broker, backend):
    """Return an app with queues and keys of its own."""
    made = Celery("tests.contrib.celery_project", set_as_current=False)
    made.conf.update(
        broker_url=broker,
        result_backend=backend,
        task_default_queue=name,
        result_backend_transport_options={"global_keyprefix": name},
        broker_connection_retry_on_startup=True,
        worker_prefetch_multiplier=4,
        worker_hijack_root_logger=False,
        task_publish_retry=False,
        broker_transport_options={"polling_interval": 0.01}  # of the one in memory
        if broker == "memory://"
        else {},
    )
    setup(made)
    add_tasks(made)
    return made


def record(expected, what):
    """Write down, in whatever is active, what was expected; check whose rows are here.

    `expected` is a key, or None for a task of no tenant.
    """
    from tests.geo.models import Country
    from tests.shop.models import Author, Tag

    tenant = get_tenant()
    if expected is None and tenant is None:
        Country.objects.create(name=what)
        return
    author = Author.objects.get(pk=PK)
    assert author.name == expected == tenant.key, (author.name, expected, tenant)
    Tag.objects.create(name=f"{expected} {what}")


def add_tasks(app):
    """Give the app its tasks, by plain names."""

    @app.task(name="record")
    def record_one(expected, what):
        record(expected, what)
        return expected

    @app.task(name="fail")
    def fail(expected):
        record(expected, "fail")
        raise ValueError(expected)

    @app.task(name="retry", bind=True, max_retries=3)
    def retry(self, expected):
        record(expected, "retry")
        if self.request.retries == 0:
            raise self.retry(countdown=0)

    @app.task(name="body")
    def body(results, expected):
        assert results == [expected, expected]
        record(expected, "body")

    @app.task(name="who")
    def who(*_args):
        tenant = get_tenant()
        return tenant.key if tenant else None

    @app.task(name="replaced", bind=True)
    def replaced(self, *_args):
        raise self.replace(chain(who.s(), who.s()))


def send_batches(app, keys, batches):
    """Send each tenant's tasks, tenant by tenant, so that they mix in the workers."""
    task = app.tasks
    # Made with no tenant active: where it is sent from counts.
    for _ in range(batches):
        for key in keys:
            links = chain(
                task["record"].si(key, "link"), task["record"].si(key, "link")
            )
            parts = [task["record"].si(key, "part")] * 2
            with override_tenant(key):
                task["record"].delay(key, "plain")
                error = task["record"].si(key, "error")
                task["fail"].apply_async((key,), link_error=error)
                task["retry"].delay(key)
                links.apply_async()
                chord(parts, task["body"].s(key)).apply_async()


def fill(keys):
    """Provision the tenants, and give each a row under the same primary key."""
    from tests.customers.models import Tenant
    from tests.shop.models import Author

    for key in keys:
        Tenant.objects.provision(key=key)
        with override_tenant(key):
            Author.objects.create(pk=PK, name=key)


def audit(keys):
    """Return what was written down: by tenant, how often each run was."""
    from collections import Counter

    from tests.shop.models import Tag

    found = {}
    for key in keys:
        with override_tenant(key):
            found[key] = Counter(Tag.objects.values_list("name", flat=True))
    return found


def send(keys, batches):
    """Send the batches, in a process of the project."""
    send_batches(app, keys, batches)


if "TENANTRY_CELERY" in os.environ:  # the app of a worker, and of its senders
    django.setup()
    app = make(
        os.environ["TENANTRY_CELERY"],
        broker=os.environ["TENANTRY_CELERY_BROKER"],
        backend=os.environ["TENANTRY_CELERY_BACKEND"],
    )
