"""In a pipeline that the caller opens, each statement carries its tenant."""

import psycopg
import pytest
from django.db import IntegrityError, connection, connections, transaction
from django.db.utils import ProgrammingError

from tenantry import override_tenant
from tenantry.backends.postgresql.statement import CarryingCursor
from tests.world import ONE, TWO, replaced, rows

NAME = "SELECT name FROM shop_author WHERE id = %s"
RENAME = "UPDATE shop_author SET name = %s WHERE id = %s"


@pytest.fixture
def raw(world):
    """The connection of the driver."""
    connections["default"].ensure_connection()
    return connections["default"].connection


def ask(raw, pk=ONE):
    """Ask for an author's name, without waiting for it."""
    return raw.cursor().execute(NAME, [pk])


def switching(world, raw):
    """Ask in A, in B and in A; return the answers."""
    asked = []
    for tenant in (world.a, world.b, world.a):
        with override_tenant(tenant):
            asked.append(ask(raw))
    return [cursor.fetchone()[0] for cursor in asked]


def test_a_pipeline_switches_tenants(world, raw):
    with raw.pipeline():
        assert switching(world, raw) == ["Ann of a", "Ann of b", "Ann of a"]
    with transaction.atomic(), raw.pipeline():
        assert switching(world, raw) == ["Ann of a", "Ann of b", "Ann of a"]


def test_control_without_the_setting_in_front_the_first_tenant_is_read(world, raw):
    real = CarryingCursor._queue_in_front
    told = []

    def once(self, text):
        if not told:
            told.append(text)
            real(self, text)

    with replaced(CarryingCursor, "_queue_in_front", once), raw.pipeline():
        assert switching(world, raw) == ["Ann of a"] * 3


def test_after_a_sync_the_active_tenant_is_read(world, raw):
    with override_tenant(world.a), raw.pipeline() as pipeline:
        first = ask(raw)
        pipeline.sync()
        with override_tenant(world.b):
            second = ask(raw)
            pipeline.sync()
        assert first.fetchone() == ("Ann of a",)
        assert second.fetchone() == ("Ann of b",)


def test_nothing_is_left_after_a_pipeline(world, raw):
    with override_tenant(world.a), raw.pipeline():
        ask(raw)
    path = psycopg.ClientCursor(raw).execute("SHOW search_path").fetchone()
    assert path == ('"$user", public',)


def test_many_statements_of_a_pipeline_write_to_the_active_tenant(world, raw):
    with raw.pipeline():
        for tenant in (world.a, world.b):
            with override_tenant(tenant):
                raw.cursor().executemany(
                    RENAME, [(f"1 of {tenant.key}", ONE), (f"2 of {tenant.key}", TWO)]
                )
    for tenant in (world.a, world.b):
        with override_tenant(tenant):
            names = [ask(raw, pk).fetchone()[0] for pk in (ONE, TWO)]
        assert names == [f"1 of {tenant.key}", f"2 of {tenant.key}"]


def test_cursors_of_django_work_in_a_pipeline(world, raw):
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant), raw.pipeline(), connection.cursor() as cursor:
            cursor.execute(NAME, [ONE])
            assert cursor.fetchone() == (f"Ann of {name}",)


def test_after_an_error_the_pipeline_goes_on_with_the_next_sync(world, raw):
    before = rows(world.a)
    with override_tenant(world.a), raw.pipeline() as pipeline:
        raw.cursor().execute(RENAME, ["undone", ONE])
        raw.cursor().execute("SELECT nothing")
        with pytest.raises(psycopg.errors.UndefinedColumn):
            pipeline.sync()
        with override_tenant(world.b):
            assert ask(raw).fetchone() == ("Ann of b",)
    assert rows(world.a) == before


def test_a_transaction_that_failed_is_rolled_back_in_a_pipeline(world, raw):
    with override_tenant(world.a), transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SAVEPOINT x")
            with pytest.raises(ProgrammingError):
                cursor.execute("SELECT nothing")
        with raw.pipeline():
            raw.cursor().execute("ROLLBACK TO SAVEPOINT x")
            assert ask(raw).fetchone() == ("Ann of a",)
            with override_tenant(world.b):
                assert ask(raw).fetchone() == ("Ann of b",)


def test_what_refuses_a_transaction_is_refused_in_a_pipeline(world, raw):
    with override_tenant(world.a), pytest.raises(psycopg.Error), raw.pipeline():
        raw.cursor().execute("VACUUM shop_author")


def test_a_constraint_is_checked_at_the_end_of_a_transaction(world, raw):
    with (
        override_tenant(world.a),
        pytest.raises(IntegrityError),
        transaction.atomic(),
        raw.pipeline(),
    ):
        raw.cursor().execute(
            "INSERT INTO shop_book (title, author_id) VALUES ('lost', %s)", [77]
        )
