"""Database isolation: how many tenant databases are open, and whose they are."""

import gc
import threading

import pytest
from django.db import connections, transaction

from tenantry import override_tenant
from tenantry.connections import open_count
from tenantry.exceptions import TooManyConnections, WrongTenant
from tenantry.isolation import isolations
from tests.shop.models import Author
from tests.world import ONE, drop, in_threads, provision, replaced

MOST = 3


@pytest.fixture(scope="module")
def several():
    """Five tenants."""
    made = [provision() for _ in range(MOST + 2)]
    for tenant in made:
        with override_tenant(tenant):
            Author.objects.create(pk=ONE, name=tenant.key)
    yield made
    drop(*made)


@pytest.fixture
def limit(several):
    """The limit, with none open before and after."""
    options = isolations["default"].options
    connections.close_all()
    gc.collect()  # of other tests' event loops, whose threads have ended
    assert int(open_count) == 0
    with replaced(isolations["default"], "options", {**options, "MAX_OPEN": MOST}):
        yield isolations["default"].options
    connections.close_all()
    assert int(open_count) == 0


def visit(tenant):
    """Return the name of the tenant's author."""
    with override_tenant(tenant):
        return Author.objects.get(pk=ONE).name


def test_no_more_than_the_limit_are_open(several, limit):
    for tenant in several * 2:
        assert visit(tenant) == tenant.key
        assert len(connections.open_tenants) == int(open_count) <= MOST


def test_control_with_a_higher_limit_more_are_open(several, limit):
    limit["MAX_OPEN"] = 100
    for tenant in several:
        visit(tenant)
    assert int(open_count) == len(several)


def test_the_least_recently_used_is_closed(several, limit):
    for number in (0, 1, 2, 0, 3):
        visit(several[number])
    assert {t.key for t in (several[0], several[2], several[3])} == {
        label.removeprefix("tenant:") for label in connections.open_tenants
    }


def test_the_limit_holds_over_threads(several, limit):
    together = threading.Barrier(2)
    seen = []

    def work():
        for tenant in several:
            together.wait()
            assert visit(tenant) == tenant.key
            seen.append(len(connections.open_tenants))

    in_threads(work, work)
    # A thread cannot close another's: it holds at least the one that it uses.
    assert max(seen) <= MOST
    assert int(open_count) == 0


def test_one_in_a_transaction_is_never_closed(several, limit):
    with override_tenant(several[0]), transaction.atomic():
        Author.objects.filter(pk=ONE).update(name="changed")
        for tenant in several[1:]:
            visit(tenant)
        assert Author.objects.get(pk=ONE).name == "changed"
        assert int(open_count) <= MOST
    with override_tenant(several[0]):
        assert Author.objects.get(pk=ONE).name == "changed"
        Author.objects.filter(pk=ONE).update(name=several[0].key)


def test_one_with_rows_still_to_come_is_never_closed(several, limit):
    with override_tenant(several[0]):
        Author.objects.bulk_create([Author(name="more") for _ in range(10)])
        rows = Author.objects.iterator(chunk_size=1)
        next(rows)
    for tenant in several[1:]:
        visit(tenant)
    assert len(list(rows)) == 10
    with override_tenant(several[0]):
        Author.objects.exclude(pk=ONE).delete()


def test_one_with_a_cursor_open_is_never_closed(several, limit):
    with override_tenant(several[0]):
        cursor = connections["default"].cursor()
        cursor.execute("SELECT name FROM shop_author")
    for tenant in several[1:]:
        visit(tenant)
    assert cursor.fetchone() == (several[0].key,)
    cursor.close()


def nested(tenants, innermost):
    """Call it inside a transaction of each tenant."""
    if not tenants:
        return innermost()
    with override_tenant(tenants[0]), transaction.atomic():
        Author.objects.count()
        return nested(tenants[1:], innermost)


def test_when_all_are_busy_the_limit_is_exceeded(several, limit):
    assert nested(several[:MOST], lambda: visit(several[-1])) == several[-1].key


def test_when_all_are_busy_and_the_limit_is_hard_it_raises(several, limit):
    limit["ON_LIMIT"] = "raise"
    with pytest.raises(TooManyConnections) as refusal:
        nested(several[:MOST], lambda: visit(several[-1]))
    assert refusal.value.limit == MOST
    assert visit(several[-1]) == several[-1].key


def test_a_thread_that_ends_gives_back_what_it_held(several, limit):
    def work():
        for tenant in several[:2]:
            visit(tenant)
        assert int(open_count) == 2

    thread = threading.Thread(target=work)
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        thread.start()
        thread.join()
        import gc

        gc.collect()
    assert int(open_count) == 0


def test_a_connection_kept_from_one_tenant_does_nothing_in_another(several, limit):
    with override_tenant(several[0]):
        kept = connections["default"]
        cursor = kept.cursor()
        cursor.execute("SELECT name FROM shop_author")
    with override_tenant(several[1]):
        with pytest.raises(WrongTenant):
            cursor.execute("SELECT name FROM shop_author")
        with pytest.raises(WrongTenant):
            cursor.executemany("DELETE FROM shop_author WHERE id = %s", [(ONE,)])
        with kept.cursor() as new, pytest.raises(WrongTenant):
            new.execute("SELECT name FROM shop_author")
    with kept.cursor() as new, pytest.raises(WrongTenant):
        new.execute("SELECT name FROM shop_author")
    with override_tenant(several[1]), replaced(kept, "execute_wrappers", []):
        cursor.execute("SELECT name FROM shop_author")
        assert cursor.fetchone() == (several[0].key,)
    cursor.close()


def test_djangos_handler_sees_and_closes_them_all(several, limit):
    for tenant in several[:2]:
        visit(tenant)
    assert len(connections.all(initialized_only=True)) >= 3
    connections.close_all()
    assert int(open_count) == 0
