"""The load that runs behind a pooler, in a process of the project's; and what it saw.

Each row is named after its tenant and its primary key. Every thread has a primary key
of its own, which is the same in all tenants: a statement in the wrong tenant finds a
row, and shows it.
"""

import asyncio
import random
from collections import Counter
from contextlib import ExitStack, nullcontext, suppress

import psycopg
from django.db import DatabaseError

from tenantry.isolation.base import NOTHING, Carried
from tests.world import in_threads, replaced

FIRST = 1_000_000


class Undo(Exception):
    """Rolls an inner block back."""


def lead(database):
    """Lead the project's database elsewhere: to a pooler, with other options."""
    from django.db import connections

    connections.settings["default"].update(database)


def fill(keys, threads):
    """Give each tenant an author and a book for each thread, under the same keys."""
    from tenantry import override_tenant
    from tests.shop.models import Author, Book

    for key in keys:
        with override_tenant(key):
            Book.objects.all().delete()
            Author.objects.all().delete()
            pks = range(FIRST, FIRST + threads)
            Author.objects.bulk_create(
                Author(pk=pk, name=f"{key}:{pk}:new") for pk in pks
            )
            Book.objects.bulk_create(
                Book(pk=pk, title=f"{key}:{pk}:new", author_id=pk) for pk in pks
            )


def audit(keys):
    """Return how many rows lie in a tenant and are named after another."""
    from tenantry import override_tenant
    from tests.shop.models import Author, Book

    wrong = 0
    for key in keys:
        with override_tenant(key):
            names = [*Author.objects.values_list("name", flat=True)]
            names += Book.objects.values_list("title", flat=True)
        wrong += sum(not name.startswith(f"{key}:") for name in names)
    return wrong


class Worker:
    """One thread's or task's part of the load."""

    def __init__(self, number, keys, *, guarded):
        self.pk = FIRST + number
        self.keys = keys
        # Unguarded, a statement may also find no table at all.
        self.forgiven = () if guarded else (DatabaseError,)
        self.chance = random.Random(number)  # noqa: S311  (the same each time)
        self.seen = Counter()
        self.servers = set()

    def hold(self, name, key):
        """Count a row, and whether it is the wrong one."""
        self.seen["rows"] += 1
        self.seen["wrong"] += not str(name).startswith(f"{key}:{self.pk}:")

    def read(self, key):
        """Read in one of several ways."""
        from django.db import connection

        from tests.shop.models import Author, Book

        way = self.chance.randrange(4)
        if way == 0:
            self.hold(Author.objects.get(pk=self.pk).name, key)
        elif way == 1:
            book = Book.objects.select_related("author").get(pk=self.pk)
            self.hold(book.title, key)
            self.hold(book.author.name, key)
        elif way == 2:
            found = Author.objects.filter(pk__in=[self.pk, -1], name__contains=":")
            self.hold(",".join(found.values_list("name", flat=True)), key)
        else:
            with connection.cursor() as cursor:
                query = "SELECT name, pg_backend_pid() FROM shop_author WHERE id = %s"
                cursor.execute(query, [self.pk])
                name, pid = cursor.fetchone()
            self.hold(name, key)
            self.servers.add(pid)

    def write(self, key):
        """Write a row's name anew, and read what was there."""
        from django.db import connection

        from tests.shop.models import Author

        name = f"{key}:{self.pk}:{self.chance.random()}"
        if self.chance.randrange(2):
            changed = Author.objects.filter(pk=self.pk).update(name=name)
            self.seen["wrong"] += changed != 1
            self.seen["rows"] += 1
        else:
            with connection.cursor() as cursor:
                query = "UPDATE shop_author SET name = %s WHERE id = %s RETURNING id"
                cursor.execute(query, [name, self.pk])
                self.seen["wrong"] += cursor.fetchall() != [(self.pk,)]
                self.seen["rows"] += 1

    def act(self, key):
        """Read mostly, write at times."""
        (self.read if self.chance.randrange(3) else self.write)(key)

    def autocommit(self):
        """One statement in a tenant."""
        from tenantry import override_tenant

        key = self.chance.choice(self.keys)
        with override_tenant(key):
            self.act(key)

    def atomic(self):
        """A transaction with a savepoint that is undone, and a switch of tenants."""
        from django.db import transaction

        from tenantry import override_tenant

        key, other = self.chance.sample(self.keys, 2)
        with override_tenant(key), transaction.atomic():
            self.act(key)
            try:
                with transaction.atomic():
                    with override_tenant(other):
                        self.act(other)
                    raise Undo  # noqa: TRY301  (as code within a block does)
            except Undo:
                self.act(key)
            with override_tenant(other):
                self.act(other)
            self.act(key)

    def iterate(self):
        """Fetch rows one by one by a named cursor, of a tenant; it may be lost."""
        from tenantry import override_tenant
        from tests.shop.models import Author

        key = self.chance.choice(self.keys)
        with override_tenant(key):
            try:
                for author in Author.objects.iterator(chunk_size=1):
                    self.seen["rows"] += 1
                    self.seen["wrong"] += not author.name.startswith(f"{key}:")
            except (DatabaseError, psycopg.Error):  # the latter where it is closed
                self.seen["lost"] += 1

    def once(self, *, transactions):
        """Do one thing, in a transaction or not."""
        alone = not transactions or self.chance.randrange(3)
        with suppress(*self.forgiven):
            (self.autocommit if alone else self.atomic)()


def told_once(wrapper):
    """Carry what peers do: a SET of the session, where the tenant has changed."""
    from tenantry.isolation import isolations

    tenant = wrapper.tenant
    if tenant is None or getattr(wrapper, "told", None) == tenant:
        return NOTHING
    wrapper.told = tenant
    carried = isolations[tenant.placement].carried(tenant)
    return Carried(
        carried.sql.replace(b"SET LOCAL", b"SET"),
        carried.statements,
        carried.select.replace(b", true)", b", false)"),
    )


def run(what, database, keys, *, guarded=True, **options):
    """Run a load; without the guard, tenants are told as peers tell them."""
    from django.db import connections

    from tenantry.backends.postgresql.base import DatabaseWrapper

    fill(keys, options["workers"])
    connections.close_all()
    lead(database)
    workers = [
        Worker(number, keys, guarded=guarded)
        for number in range(options.pop("workers"))
    ]
    control = replaced(DatabaseWrapper, "carried", told_once)
    with nullcontext() if guarded else control:
        LOADS[what](workers, **options)
    result = outcome(workers)
    connections.close_all()
    return {**result, "misplaced": audit(keys)}


def in_parallel(workers, *, operations, transactions=True, leave=0):
    """Let threads work; *leave* is after how many acts each gives its connection up."""
    from django.db import connections

    def work(worker):
        acts, rows = 0, operations // len(workers)
        while worker.seen["rows"] < rows and acts < rows:
            worker.once(transactions=transactions)
            acts += 1
            if leave and not acts % leave:
                connections.close_all()

    in_threads(*(lambda w=worker: work(w) for worker in workers))


def iterating(workers, *, operations, same_names=False):
    """Let threads iterate; named cursors may have names as of forks of one process."""
    from tenantry.backends.postgresql import base

    def chunked_cursor(self):
        return self._cursor(name="_django_curs_1_sync_1")

    def work(worker):
        for _ in range(operations // len(workers)):
            worker.iterate()

    wrapper = base.DatabaseWrapper
    with ExitStack() as stack:
        if same_names:
            stack.enter_context(replaced(base.secrets, "token_hex", lambda _: "x"))
        real = wrapper.chunked_cursor
        wrapper.chunked_cursor = chunked_cursor
        stack.callback(setattr, wrapper, "chunked_cursor", real)
        in_threads(*(lambda w=worker: work(w) for worker in workers))


def in_tasks(workers, *, operations):
    """Let tasks of one event loop work: async queries, and sync code in threads."""

    async def all_of_them():
        rows = operations // len(workers)
        await asyncio.gather(*(in_task(worker, rows) for worker in workers))

    asyncio.run(all_of_them())


async def in_task(worker, rows):
    """Work in a task until so many rows were seen."""
    from asgiref.sync import sync_to_async

    from tenantry import override_tenant
    from tests.shop.models import Author

    while worker.seen["rows"] < rows:
        way = worker.chance.randrange(3)
        key = worker.chance.choice(worker.keys)
        if way:
            call = sync_to_async(worker.once, thread_sensitive=way == 1)
            await call(transactions=True)
            continue
        with suppress(*worker.forgiven):
            async with override_tenant(key):
                author = await Author.objects.aget(pk=worker.pk)
                worker.hold(author.name, key)
                author.name = f"{key}:{worker.pk}:async"
                await author.asave()
                async for author in Author.objects.filter(pk=worker.pk):
                    worker.hold(author.name, key)


def outcome(workers):
    """Return what the workers saw, in sum."""
    seen = sum((worker.seen for worker in workers), Counter())
    return {
        "rows": seen["rows"],
        "wrong": seen["wrong"],
        "lost": seen["lost"],
        "servers": len(set().union(*(worker.servers for worker in workers))),
        "moved": max(len(worker.servers) for worker in workers),
    }


LOADS = {"threads": in_parallel, "tasks": in_tasks, "cursors": iterating}


def error_of_atomic(database, key):
    """Return a transaction's error behind the pooler, and what a query then finds."""
    from django.db import connections, transaction

    from tenantry import override_tenant
    from tests.shop.models import Author

    lead(database)
    with override_tenant(key):
        error = None
        try:
            with transaction.atomic():
                Author.objects.count()
        except DatabaseError as refusal:
            error = str(refusal)
        connections.close_all()
        return error, Author.objects.filter(name__startswith=f"{key}:").count()


def lifecycle(database, key):
    """Provision a tenant from a new template, by way of the pooler; use and drop it."""
    from tenantry import override_tenant
    from tenantry.models import StoredTemplate
    from tests.customers.models import Tenant
    from tests.shop.models import Author

    lead(database)
    StoredTemplate.objects.all().delete()
    tenant = Tenant.objects.provision(key=key)
    with override_tenant(tenant):
        Author.objects.create(name=f"Ann:{key}")
        name = Author.objects.get().name
    tenant.drop(confirm=key)
    return name
