"""Transactions, savepoints and callbacks keep to the tenant they began in."""

import functools

import pytest
from django.db import IntegrityError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

from tenantry import activate, deactivate, get_tenant, override_tenant
from tenantry.context import ACTIVE
from tenantry.exceptions import ActivationRefused, WrongTenant
from tests.conformance.conftest import SHARES_CONNECTION
from tests.customers.models import Tenant
from tests.geo.models import Country
from tests.shop.models import Author
from tests.world import ONE, new_key, without_seam


def first():
    """Return the name of the first author of the active tenant."""
    return Author.objects.get(pk=ONE).name


class Stop(Exception):
    """Ends a block early."""


def test_after_a_savepoint_is_rolled_back_the_active_tenant_is_read(world):
    with override_tenant(world.a), transaction.atomic():
        assert first() == "Ann of a"
        with override_tenant(world.b), transaction.atomic():
            assert first() == "Ann of b"
        with pytest.raises(Stop), transaction.atomic():  # noqa: PT012
            with override_tenant(world.b):
                assert first() == "Ann of b"
                Author.objects.filter(pk=ONE).update(name="changed")
            raise Stop
        assert first() == "Ann of a"
        with override_tenant(world.b):
            seen = first()
        assert first() == "Ann of a"
        assert seen == ("Ann of b" if SHARES_CONNECTION else "changed")


def test_switches_around_savepoints_read_the_active_tenant(world):
    order = [world.a, world.b, world.b, world.a, world.b]
    with override_tenant(world.a), transaction.atomic():
        for inner in order:
            sid = connections["default"].savepoint()
            with override_tenant(inner):
                assert first() == f"Ann of {inner.key[0]}"
            connections["default"].savepoint_rollback(sid)
            assert first() == "Ann of a"
            with override_tenant(inner):
                assert first() == f"Ann of {inner.key[0]}"


def test_after_an_error_in_a_savepoint_the_active_tenant_is_read(world):
    with override_tenant(world.b), transaction.atomic():
        with pytest.raises(IntegrityError), transaction.atomic():
            Author.objects.create(pk=ONE, name="again")
        assert first() == "Ann of b"
        with override_tenant(world.a):
            assert first() == "Ann of a"


def test_an_atomic_block_is_rolled_back_where_it_was_entered(world):
    block = transaction.atomic()
    with override_tenant(world.a):
        block.__enter__()
        Author.objects.filter(pk=ONE).update(name="changed")
    with override_tenant(world.b):
        block.__exit__(Stop, Stop(), None)
        assert not connections["default"].in_atomic_block
        assert first() == "Ann of b"
    with override_tenant(world.a):
        assert not connections["default"].in_atomic_block
        assert first() == "Ann of a"


@pytest.mark.skipif(SHARES_CONNECTION, reason="has one connection only")
def test_control_without_the_seam_the_block_of_another_connection_is_left(world):
    with (
        without_seam(transaction.Atomic, "__enter__"),
        without_seam(transaction.Atomic, "__exit__"),
    ):
        block = transaction.atomic()
        with override_tenant(world.a):
            block.__enter__()
        with override_tenant(world.b):
            block.__exit__(None, None, None)
    with override_tenant(world.a):
        assert connections["default"].in_atomic_block
    connections.forget(world.a.ref)
    connections.forget(world.b.ref)


def test_an_atomic_block_is_committed_where_it_was_entered(world):
    block = transaction.atomic()
    token = ACTIVE.set(world.a.ref)
    block.__enter__()
    Author.objects.filter(pk=ONE).update(name="changed")
    ACTIVE.set(world.b.ref)
    block.__exit__(None, None, None)
    assert first() == "Ann of b"
    ACTIVE.reset(token)
    with override_tenant(world.a):
        assert first() == "changed"


def test_an_atomic_function_may_be_called_in_any_tenant(world):
    @transaction.atomic
    def change(depth):
        Author.objects.filter(pk=ONE).update(name=f"changed in {get_tenant()}")
        if depth:
            with override_tenant(world.b if depth % 2 else world.a):
                change(depth - 1)

    with override_tenant(world.a):
        change(3)
        assert first() == f"changed in {world.a.key}"
    with override_tenant(world.b):
        assert first() == f"changed in {world.b.key}"


def test_activation_is_refused_in_a_transaction(world):
    with override_tenant(world.a), transaction.atomic():
        with pytest.raises(ActivationRefused):
            activate(world.b)
        with pytest.raises(ActivationRefused):
            deactivate()
        assert get_tenant() == world.a.ref
    with override_tenant(world.a):
        activate(world.b)
        assert get_tenant() == world.b.ref
    assert get_tenant() is None
    activate(world.a)
    deactivate()
    assert get_tenant() is None


def test_a_nested_override_in_a_transaction_is_fine(world):
    with override_tenant(world.a), transaction.atomic():
        with override_tenant(world.b):
            assert first() == "Ann of b"
            with override_tenant(None):
                assert Country.objects.count() >= 0
            with transaction.atomic():
                assert first() == "Ann of b"
        assert first() == "Ann of a"


def test_an_atomic_block_by_another_tenants_label_is_refused(world):
    with override_tenant(world.b):
        with (
            pytest.raises(WrongTenant),
            transaction.atomic(using=f"tenant:{world.a.key}"),
        ):
            pass
        with transaction.atomic(using=f"tenant:{world.b.key}"):
            Author.objects.filter(pk=ONE).update(name="changed")
        assert first() == "changed"


def test_callbacks_run_in_the_tenant_they_were_registered_in(world):
    seen = []

    def note():
        seen.append((str(get_tenant()), first()))

    with override_tenant(world.a), transaction.atomic():
        transaction.on_commit(note)
        transaction.on_commit(note, robust=True)
        with override_tenant(world.b), transaction.atomic():
            transaction.on_commit(note)
        block = transaction.atomic()
        block.__enter__()
        with override_tenant(world.b):
            block.__exit__(None, None, None)
    expected = {(world.a.key, "Ann of a"), (world.b.key, "Ann of b")}
    assert set(seen) == expected
    assert len(seen) == 3


@pytest.mark.skipif(not SHARES_CONNECTION, reason="needs one connection")
def test_control_without_the_seam_a_callback_runs_in_whatever_is_active(world):
    seen = []
    with (
        without_seam(BaseDatabaseWrapper, "on_commit"),
        without_seam(transaction.Atomic, "__enter__"),
        without_seam(transaction.Atomic, "__exit__"),
    ):
        block = transaction.atomic()
        with override_tenant(world.a):
            block.__enter__()
            transaction.on_commit(lambda: seen.append(get_tenant()))
        with override_tenant(world.b):
            block.__exit__(None, None, None)
    assert seen == [world.b.ref]


def test_a_callback_that_is_no_function_is_refused_as_by_django(world):
    with override_tenant(world.a), transaction.atomic(), pytest.raises(TypeError):
        transaction.on_commit("nothing")


@pytest.mark.skipif(not SHARES_CONNECTION, reason="needs one connection")
def test_a_transaction_may_span_shared_and_tenant_rows(world):
    with (  # noqa: PT012
        override_tenant(world.a),
        pytest.raises(Stop),
        transaction.atomic(),
    ):
        Country.objects.create(name="undone")
        Author.objects.filter(pk=ONE).update(name="undone")
        raise Stop
    assert not Country.objects.filter(name="undone").exists()
    with override_tenant(world.a):
        assert first() == "Ann of a"


def test_a_transaction_of_shared_rows_may_be_begun_in_a_tenant(world):
    with (  # noqa: PT012
        override_tenant(world.a),
        pytest.raises(Stop),
        transaction.atomic(using="tenantry:shared"),
    ):
        Country.objects.create(name="undone")
        assert first() == "Ann of a"
        raise Stop
    assert not Country.objects.filter(name="undone").exists()


def test_provision_and_drop_are_refused_in_a_transaction(world):
    key = new_key()
    with pytest.raises(RuntimeError), transaction.atomic():
        Tenant.objects.provision(key=key)
    with pytest.raises(RuntimeError), transaction.atomic():
        world.a.drop(confirm=world.a.key)
    assert not Tenant.objects.filter(key=key).exists()
    with override_tenant(world.a):
        assert first() == "Ann of a"


def test_a_callback_is_still_what_was_registered(world):
    note = functools.partial(list)
    with override_tenant(world.a), transaction.atomic():
        transaction.on_commit(first)
        transaction.on_commit(note)
        named, partial = (each[1] for each in connections["default"].run_on_commit[-2:])
        assert (named, partial) == (first, note)
        assert named.__qualname__ == "first"
        assert repr(partial) == repr(note)
        assert not hasattr(partial, "__qualname__")
        transaction.set_rollback(True)
