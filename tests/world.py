"""A database for the session, and two tenants in it whose primary keys collide.

pytest-django's transaction around each test is not used: provisioning is durable.
"""

import asyncio
import itertools
import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

ONE, TWO = 1_000_001, 1_000_002
_numbers = itertools.count(1)


def new_key(prefix="t"):
    """Return a key that no other test, and no other run on the server, has."""
    return f"{prefix}{os.getpid()}n{next(_numbers)}"


@pytest.fixture(scope="session")
def database(django_test_environment, django_db_blocker):
    """Make the shared database, migrated; at the end leave nothing on the server."""
    from django.conf import settings as project
    from django.db import connections
    from django.test.utils import setup_databases, teardown_databases

    settings = connections["default"].settings_dict
    if "sqlite3" not in settings["ENGINE"]:
        for alias in connections:
            name = f"test_tenantry_{os.getpid()}"
            connections[alias].settings_dict["TEST"]["NAME"] = name
    with django_db_blocker.unblock():
        made = setup_databases(
            verbosity=0, interactive=False, serialized_aliases=frozenset()
        )
        try:
            yield
        finally:
            _leave_nothing()
            if connections["default"].vendor == "postgresql":
                # The threads of event loops may have left connections behind.
                for alias in connections:
                    with connections[alias].cursor() as cursor:
                        cursor.execute(
                            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                            "WHERE datname = current_database() "
                            "AND usename = current_user AND pid <> pg_backend_pid()"
                        )
            connections.close_all()
            teardown_databases(made, verbosity=0)
            if hasattr(project, "FOLDER"):
                shutil.rmtree(project.FOLDER, ignore_errors=True)


def _leave_nothing():
    from tenantry import override_tenant
    from tenantry.isolation import isolations
    from tenantry.models import StoredTemplate
    from tests.customers.models import Tenant

    with override_tenant(None):
        for tenant in Tenant.objects.all():
            tenant.drop(confirm=tenant.key)
        for row in StoredTemplate.objects.all():
            isolation = isolations[row.placement]
            if isolation.shares_tables:
                continue
            isolation.destroy(isolation.ref(key="template", location=row.token))


def provision(prefix="t", **fields):
    """Return a new tenant, with a domain of its own."""
    from tests.customers.models import Tenant

    key = fields.pop("key", None) or new_key(prefix)
    fields.setdefault("domains", [f"{key.replace('_', '-')}.example.org"])
    return Tenant.objects.provision(key=key, **fields)


def drop(*tenants):
    """Remove tenants that a test made, where they are still there."""
    from tenantry import override_tenant
    from tests.customers.models import Tenant

    with override_tenant(None):
        for tenant in tenants:
            row = Tenant.objects.filter(key=tenant.key).first()
            if row is not None:
                row.drop(confirm=row.key)


@contextmanager
def two_tenants():
    """Provision two tenants for a block, and drop them after it."""
    made = []
    try:
        made.append(provision("a"))
        made.append(provision("b"))
        yield tuple(made)
    finally:
        drop(*made)


def fill(tenant, name):
    """Give the tenant rows of every sort, under the same primary keys as another's."""
    from django.contrib.auth.models import Permission, User
    from django.contrib.sessions.models import Session
    from django.utils import timezone

    from tenantry import override_tenant
    from tests.shop.models import Author, Book, Chapter, Note, Stock, Tag

    with override_tenant(tenant):
        for model in (Note, Book, Tag, Author, Stock, User, Session):
            model.objects.all().delete()
        author = Author.objects.create(pk=ONE, name=f"Ann of {name}")
        Author.objects.create(pk=TWO, name=f"Bob of {name}")
        tag = Tag.objects.create(pk=ONE, name=f"tag of {name}")
        Tag.objects.create(pk=TWO, name=f"tag two of {name}")
        book = Book.objects.create(pk=ONE, title=f"book of {name}", author=author)
        Book.objects.create(pk=TWO, title=f"book two of {name}", author=author)
        book.tags.add(tag)
        now = timezone.now().replace(microsecond=0)
        for pk in (ONE, TWO):
            Chapter.objects.create(
                pk=pk, title=f"chapter of {name}", book=book, written=now
            )
        Stock.objects.create(pk=ONE, sku=f"stock of {name}", count=1)
        Note.objects.create(pk=ONE, text=f"note of {name}", about=author, written=now)
        user = User.objects.create_user("same", password=f"pw of {name}", pk=ONE)
        if name == "a":
            user.user_permissions.add(Permission.objects.get(codename="change_book"))
        Session.objects.create(session_key="s" * 32, session_data=name, expire_date=now)


def rows(tenant):
    """Return all rows of the tenant's shop, to see whether any has changed."""
    from tenantry import override_tenant
    from tests.shop.models import Author, Book, Chapter, Note, Stock, Tag

    models = (Author, Book, Chapter, Note, Stock, Tag, Book.tags.through)
    with override_tenant(tenant):
        return {
            m.__name__: list(m.objects.order_by("pk").values_list()) for m in models
        }


@dataclass
class Objects:
    """The objects of one tenant, read anew."""

    author: Any
    author2: Any
    book: Any
    book2: Any
    tag: Any
    tag2: Any
    note: Any
    user: Any


def read(tenant):
    """Return the tenant's objects, each as a query gives it."""
    from django.contrib.auth.models import User

    from tenantry import override_tenant
    from tests.shop.models import Author, Book, Note, Tag

    with override_tenant(tenant):
        return Objects(
            Author.objects.get(pk=ONE),
            Author.objects.get(pk=TWO),
            Book.objects.get(pk=ONE),
            Book.objects.get(pk=TWO),
            Tag.objects.get(pk=ONE),
            Tag.objects.get(pk=TWO),
            Note.objects.get(pk=ONE),
            User.objects.get(pk=ONE),
        )


class World:
    """Two tenants with the same primary keys; `of_a` and `of_b` are their objects."""

    def __init__(self, a, b):
        self.a, self.b = a, b
        fill(a, "a")
        fill(b, "b")
        self.of_a, self.of_b = read(a), read(b)
        assert self.of_a.author.pk == self.of_b.author.pk
        assert self.of_a.author.name != self.of_b.author.name


def in_threads(*functions):
    """Run each function in a thread of its own, all at once; raise what they raise."""
    from django.db import connections

    results = [None] * len(functions)
    errors = []

    def run(number, function):
        try:
            results[number] = function()
        except BaseException as error:  # noqa: BLE001  (raised below)
            errors.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(functions)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def run(coroutine):
    """Run it in an event loop, and close the connections of that loop's thread."""
    from asgiref.sync import sync_to_async
    from django.db import connections

    async def whole():
        try:
            return await coroutine
        finally:
            await sync_to_async(connections.close_all)()

    return asyncio.run(whole())


@contextmanager
def replaced(owner, name, value):
    """Put another attribute in place for a block."""
    original = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextmanager
def without_seam(owner, name):
    """Take one seam away for a block: Django's own attribute is back."""
    seam = owner.__dict__[name] if isinstance(owner, type) else getattr(owner, name)
    if isinstance(seam, property):
        original = property(seam.fget._tenantry_original)
    else:
        original = seam._tenantry_original
    with replaced(owner, name, original):
        yield


@contextmanager
def without_guards():
    """Take every guard of the boundary away for a block, as if labels meant nothing.

    For the negative controls: what a guard refuses must do harm without it.
    """
    from contextlib import ExitStack

    from django.db import DEFAULT_DB_ALIAS

    from tenantry import connections, guards, routers
    from tenantry.types import LABEL_PREFIX

    real = connections.TenantConnections.__getitem__

    def getitem(self, alias):
        label = alias.startswith(LABEL_PREFIX)
        return real(self, DEFAULT_DB_ALIAS if label else alias)

    def nothing(*_args, **_kwargs):
        return None

    with ExitStack() as stack:
        for owner in (guards, routers):
            for name in ("require_label", "require_object", "require_hints"):
                if hasattr(owner, name):
                    stack.enter_context(replaced(owner, name, nothing))
        stack.enter_context(
            replaced(connections.TenantConnections, "__getitem__", getitem)
        )
        yield
