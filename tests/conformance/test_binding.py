"""Statements whose parameters the server binds travel with their tenant, unseen."""

import threading

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.utils import DataError, OperationalError, ProgrammingError
from django.test.utils import CaptureQueriesContext

from tenantry import override_tenant
from tenantry.backends.postgresql import base, binding
from tests.shop.models import Author, Book
from tests.world import ONE, TWO, in_threads, replaced

NAME = "SELECT name FROM shop_author WHERE id = %s"
IDLE = psycopg.pq.TransactionStatus.IDLE


def name_of(pk=ONE):
    """Return an author's name, by a statement with a parameter."""
    with connection.cursor() as cursor:
        cursor.execute(NAME, [pk])
        return cursor.fetchone()[0]


def at_rest():
    """Whether the connection waits for nothing, and is in no pipeline."""
    pgconn = connections["default"].connection.pgconn
    off = pgconn.pipeline_status == psycopg.pq.PipelineStatus.OFF
    return off and pgconn.transaction_status == IDLE


def test_parameters_are_bound_by_the_server(world):
    """The premise of this file."""
    with override_tenant(world.a), connection.cursor() as cursor:
        assert isinstance(cursor.cursor, base.ServerBindingCursor)
        with pytest.raises(ProgrammingError, match=r"\$1"):
            cursor.execute(
                "SELECT nothing FROM shop_author WHERE id = %s::nothing", [1]
            )


def test_a_statement_is_one_round_trip(world, monkeypatch):
    synced = []
    real = binding._in_one_go_gen

    def gen(*args, **kwargs):
        synced.append(args)
        return real(*args, **kwargs)

    monkeypatch.setattr(binding, "_in_one_go_gen", gen)
    with override_tenant(world.a), CaptureQueriesContext(connection) as queries:
        Author.objects.get(pk=ONE)
        Author.objects.filter(pk=TWO).update(name="x")
        list(Book.objects.filter(pk__gt=0).select_related("author"))
    assert len(synced) == len(queries) == 3
    assert "set_config" not in str(queries.captured_queries)


def test_a_switch_within_a_transaction_is_followed(world):
    with override_tenant(world.a), transaction.atomic():
        assert name_of() == "Ann of a"
        with override_tenant(world.b):
            assert name_of() == "Ann of b"
        assert name_of() == "Ann of a"


def test_control_without_the_setting_the_tenant_told_before_is_read(world):
    def bare(_self, *_args, **_kwargs):
        return base.NOTHING

    with override_tenant(world.a), transaction.atomic():
        assert name_of() == "Ann of a"
        with (
            override_tenant(world.b),
            replaced(base.DatabaseWrapper, "carried", bare),
        ):
            assert name_of() == "Ann of a"


def test_after_a_savepoint_is_rolled_back_the_active_tenant_is_read(world):
    with override_tenant(world.a), transaction.atomic():
        with pytest.raises(DataError), transaction.atomic(), override_tenant(world.b):
            Author.objects.filter(pk=ONE).update(name="x" * 51)
        assert name_of() == "Ann of a"
        with override_tenant(world.b):
            assert name_of() == "Ann of b"


def test_an_error_leaves_the_connection_at_rest(world):
    with override_tenant(world.a):
        with pytest.raises(IntegrityError):
            Author.objects.create(pk=ONE, name="again")
        assert at_rest()
        with connection.cursor() as cursor, pytest.raises(ProgrammingError) as refusal:
            cursor.execute("SELECT nothing FROM shop_author WHERE id = %s", [ONE])
        assert refusal.value.__cause__.diag.statement_position == "8"
        assert at_rest()
        assert name_of() == "Ann of a"


def test_an_error_of_the_commit_is_raised(world):
    """Foreign keys are checked at the end of the transaction."""
    with override_tenant(world.a):
        with pytest.raises(IntegrityError, match="foreign key"):
            Book.objects.create(title="lost", author_id=77)
        assert at_rest()
        assert not Book.objects.filter(title="lost").exists()


def test_a_statement_that_cannot_be_sent_leaves_the_connection_at_rest(world):
    many = list(range(70_000))
    with override_tenant(world.a), connection.cursor() as cursor:
        holes = ", ".join(["%s"] * len(many))
        with pytest.raises(OperationalError):
            cursor.execute(f"SELECT name FROM shop_author WHERE id IN ({holes})", many)
        assert at_rest()
        assert name_of() == "Ann of a"


def test_a_tenant_without_its_schema_is_an_error(world):
    with (
        override_tenant(world.a),
        connection.cursor() as cursor,
        pytest.raises(ProgrammingError),
    ):
        cursor.execute("SELECT name FROM missing WHERE id = %s", [ONE])


def test_a_connection_that_the_server_ended_is_an_error_and_then_made_anew(world):
    with override_tenant(world.a):
        with connection.cursor() as cursor, pytest.raises(OperationalError):
            cursor.execute(
                "SELECT pg_terminate_backend(pg_backend_pid()) WHERE %s", [True]
            )
        connections["default"].close_if_unusable_or_obsolete()
        assert name_of() == "Ann of a"


def test_results_and_their_description_are_the_callers(world):
    with override_tenant(world.a), connection.cursor() as cursor:
        cursor.execute("SELECT name, id FROM shop_author WHERE id >= %s", [ONE])
        assert [column.name for column in cursor.description] == ["name", "id"]
        assert cursor.rowcount == 2
        assert not cursor.nextset()
        cursor.execute("UPDATE shop_author SET name = name WHERE id = %s", [ONE])
        assert (cursor.rowcount, cursor.description) == (1, None)


def test_binary_results_are_the_active_tenants(world):
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant), connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            raw = cursor.cursor
            for params in ([ONE], None):
                query = NAME if params else NAME.replace("%s", str(ONE))
                raw.execute(query, params, binary=True)
                assert raw.pgresult.fformat(0) == psycopg.pq.Format.BINARY
                assert raw.fetchone() == (f"Ann of {name}",)
            other = connections["default"].connection.cursor(binary=True)
            other.execute(NAME, [ONE])
            assert other.pgresult.fformat(0) == psycopg.pq.Format.BINARY
            assert other.fetchone() == (f"Ann of {name}",)


@pytest.fixture
def preparing(world):
    """The connection prepares what is sent a second time."""
    with override_tenant(world.a):
        assert name_of()
    raw = connections["default"].connection
    raw.prepare_threshold = 1
    yield raw
    raw.prepare_threshold = None


def test_a_prepared_statement_reads_the_active_tenant(world, preparing):
    with override_tenant(world.a):
        for _ in range(4):
            assert name_of() == "Ann of a"
    assert preparing.execute("SELECT name FROM pg_prepared_statements").fetchall()
    for tenant, name in ((world.b, "b"), (world.a, "a")):
        with override_tenant(tenant):
            assert name_of() == f"Ann of {name}"
            with transaction.atomic():
                assert name_of(TWO) == f"Bob of {name}"
                with override_tenant(world.b):
                    assert name_of(TWO) == "Bob of b"


def test_a_statement_that_cannot_be_prepared_is_an_error_each_time(world, preparing):
    with override_tenant(world.a), connection.cursor() as cursor:
        for _ in range(4):
            with pytest.raises(ProgrammingError):
                cursor.execute("SELECT nothing FROM shop_author WHERE id = %s", [ONE])
        assert name_of() == "Ann of a"


def test_threads_bind_for_their_own_tenant(world):
    together = threading.Barrier(2)

    def work(tenant):
        with override_tenant(tenant):
            together.wait()
            return {name_of() for _ in range(50)}

    found = in_threads(lambda: work(world.a), lambda: work(world.b))
    assert found == [{"Ann of a"}, {"Ann of b"}]
