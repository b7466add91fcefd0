"""The registry: no query for what is known, no staleness, no room for floods."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext

from tenantry import override_tenant
from tenantry.catalog import registry as module
from tenantry.catalog.registry import Bounded, Registry, registry
from tenantry.exceptions import TenantNotFound
from tenantry.models import CatalogVersion, State
from tests.customers.models import Domain, Tenant
from tests.world import drop, in_threads, new_key, provision

pytestmark = pytest.mark.usefixtures("database")


class Clock:
    """A clock that goes when it is told."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch):
    """The registry's clock."""
    made = Clock()
    monkeypatch.setattr(module, "time", made)
    registry.clear()
    yield made
    registry.clear()


@pytest.fixture(scope="module")
def tenant(database):
    """A live tenant."""
    made = provision()
    yield made
    drop(made)


def queries():
    """Count the queries of the shared database."""
    return CaptureQueriesContext(connections.configured("default"))


def test_what_is_known_needs_no_query(tenant, clock):
    host = tenant.domains.get().host
    assert registry.by_host(host)[0].tenant.ref == tenant.ref
    registry.by_slug(tenant.slug)
    registry.by_key(tenant.key)
    registry.primary_domain(tenant.key)
    with queries() as seen:
        for _ in range(100):
            assert registry.by_host(host)[0].tenant.ref == tenant.ref
            assert registry.by_slug(tenant.slug).ref == tenant.ref
            assert registry.ref(tenant.key) == tenant.ref
            assert registry.primary_domain(tenant.key) == (host, "")
            assert registry.by_key(tenant.key).instance() == tenant
    assert len(seen) == 0


def test_what_is_unknown_is_asked_for_once(clock):
    registry.by_key("first")
    with queries() as seen:
        for _ in range(10):
            assert registry.by_host("nobody.example.com") == ()
            assert registry.by_slug("nobody") is None
            assert registry.by_key("nobody") is None
        with pytest.raises(TenantNotFound):
            registry.ref("nobody")
    assert len(seen) == 3


def test_whether_it_changed_is_asked_once_in_a_while(tenant, clock):
    registry.by_key(tenant.key)
    with queries() as seen:
        for _ in range(3):
            clock.now += 4
            for _ in range(10):
                registry.by_key(tenant.key)
    assert len(seen) == 3
    assert "catalogversion" in seen[0]["sql"]


def change_behind(key, **values):
    """Change the row as another process would: this one is not told."""
    from django.db.models import F, QuerySet

    QuerySet(Tenant).filter(key=key).update(**values)
    CatalogVersion.objects.update(version=F("version") + 1)


def test_a_change_is_seen_here_at_once(tenant, clock):
    assert registry.by_key(tenant.key).state == State.ACTIVE
    row = Tenant.objects.get(pk=tenant.pk)

    def save(state):
        row.state = state
        row.save()

    for change in (
        lambda state: Tenant.objects.filter(pk=tenant.pk).update(state=state),
        save,
    ):
        for state in (State.SUSPENDED, State.ACTIVE):
            change(state)
            assert registry.by_key(tenant.key).state == state
            assert registry.by_host(tenant.domains.get().host)[0].tenant.state == state


def test_a_change_elsewhere_is_seen_in_time(tenant, clock):
    assert registry.by_key(tenant.key).instance().name == ""
    change_behind(tenant.key, name="elsewhere")
    clock.now += 3.9
    assert registry.by_key(tenant.key).instance().name == ""
    clock.now += 0.2
    assert registry.by_key(tenant.key).instance().name == "elsewhere"
    change_behind(tenant.key, name="")


def test_a_change_by_another_process_is_seen_in_time(tenant, clock, tmp_path):
    """The other process is a real one, with the database of this test."""
    wrapper = connections.configured("default")
    if wrapper.vendor != "sqlite":
        pytest.skip("one engine is enough")
    assert registry.by_key(tenant.key).instance().name == ""
    code = (
        "import django; from django.conf import settings;"
        "settings.DATABASES['default']['NAME'] = {name!r};"
        "django.setup();"
        "from tests.customers.models import Tenant;"
        "t = Tenant.objects.get(key={key!r}); t.name = {text!r}; t.save()"
    )

    def elsewhere(text):
        name = str(wrapper.settings_dict["NAME"])
        subprocess.run(
            [sys.executable, "-c", code.format(name=name, key=tenant.key, text=text)],
            check=True,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings.sqlite",
                "TMPDIR": str(tmp_path),
            },
            cwd=Path.cwd(),
        )

    elsewhere("from afar")
    assert registry.by_key(tenant.key).instance().name == ""
    clock.now += 4
    assert registry.by_key(tenant.key).instance().name == "from afar"
    elsewhere("")


def test_a_change_that_is_rolled_back_is_not_remembered(tenant, clock):
    from django.db import transaction

    class Stop(Exception):
        pass

    def change():
        with transaction.atomic():
            Tenant.objects.filter(pk=tenant.pk).update(name="undone")
            assert registry.by_key(tenant.key).instance().name == "undone"
            raise Stop

    with pytest.raises(Stop):
        change()
    clock.now += 4
    assert registry.by_key(tenant.key).instance().name == ""


def test_a_new_domain_is_known_at_once_and_a_removed_one_is_not(tenant, clock):
    host = f"{new_key('h')}.example.com"
    assert registry.by_host(host) == ()
    domain = Domain(tenant=tenant, host=host)
    domain.save()
    assert registry.by_host(host)[0].tenant.ref == tenant.ref
    domain.delete()
    assert registry.by_host(host) == ()


def test_the_catalog_is_read_from_within_a_tenant(tenant, clock):
    with override_tenant(tenant):
        registry.clear()
        assert registry.by_key(tenant.key).ref == tenant.ref


def test_an_instance_from_memory_is_ones_own(tenant, clock):
    first, second = (registry.by_key(tenant.key).instance() for _ in range(2))
    first.name = "changed"
    assert second.name == ""
    assert first._state is not second._state
    assert second._state.db == "default"
    assert not second._state.adding


def test_a_flood_of_unknown_hosts_takes_no_room_from_the_known(monkeypatch, tenant):
    small = Registry()
    for name in ("_hosts", "_slugs", "_keys", "_primary", "_unknown"):
        setattr(small, name, Bounded(10))
    host = tenant.domains.get().host
    assert small.by_host(host)
    monkeypatch.setattr(small, "_load_host", lambda _: None)
    for number in range(1000):
        assert small.by_host(f"h{number}.example.com") == ()
    assert len(small._unknown) == 10
    assert len(small._hosts) == 1
    assert small.by_host(host)[0].tenant.ref == tenant.ref


def test_what_is_loaded_while_it_changes_is_not_kept(monkeypatch, tenant, clock):
    real = registry._load_tenant

    def load(**by):
        found = real(**by)
        registry.clear()
        return found

    monkeypatch.setattr(registry, "_load_tenant", load)
    assert registry.by_key(tenant.key).ref == tenant.ref
    assert registry._keys.get(tenant.key) is None


def test_threads_may_ask_at_once(tenant):
    together = threading.Barrier(4)

    def ask():
        together.wait()
        for _ in range(50):
            registry.clear()
            assert registry.by_key(tenant.key).ref == tenant.ref

    in_threads(ask, ask, ask, ask)


def test_a_bounded_mapping_forgets_what_was_used_longest_ago():
    bounded = Bounded(2)
    bounded.put("a", 1)
    bounded.put("b", 2)
    assert bounded.get("a") == 1
    bounded.put("c", 3)
    assert [bounded.get(name) for name in "abc"] == [1, None, 3]
    assert len(bounded) == 2
    bounded.clear()
    assert len(bounded) == 0
