"""One pool of connections serves every tenant, and remembers none of them."""

import threading

import pytest
from django.db import connection, connections, transaction
from psycopg import ClientCursor

from tenantry import override_tenant
from tests.shop.models import Author
from tests.world import ONE, drop, in_threads, provision

TENANTS = 100


@pytest.fixture(scope="module")
def hundred():
    """A hundred tenants, each with an author of its name."""
    made = [provision(domains=[]) for _ in range(TENANTS)]
    for tenant in made:
        with override_tenant(tenant):
            Author.objects.create(pk=ONE, name=tenant.key)
    yield made
    drop(*made)


def visit(tenant):
    """Return the name of the tenant's author, by a connection of the pool."""
    with override_tenant(tenant):
        return Author.objects.get(pk=ONE).name


def test_after_a_hundred_tenants_there_is_one_pool_of_three(hundred):
    connection.close()
    for tenant in hundred:
        assert visit(tenant) == tenant.key
        connection.close()
    wrapper = connections["default"]
    assert list(wrapper._connection_pools) == ["default"]
    assert wrapper.pool.get_stats()["pool_size"] <= 3


def test_threads_that_share_the_pool_see_their_own_tenant(hundred):
    together = threading.Barrier(3)

    def work(number):
        found = []
        for tenant in hundred[number::10]:
            together.wait()
            found.append(visit(tenant) == tenant.key)
            with override_tenant(tenant), transaction.atomic():
                found.append(Author.objects.get(pk=ONE).name == tenant.key)
            connections.close_all()
        return all(found)

    assert in_threads(*(lambda n=n: work(n) for n in range(3))) == [True] * 3


def test_a_connection_given_back_knows_no_tenant(hundred):
    visit(hundred[0])
    connection.close()
    with connections["default"].pool.connection() as raw:
        path = ClientCursor(raw).execute("SHOW search_path").fetchone()[0]
    assert path == '"$user", public'
