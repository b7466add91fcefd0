"""What PostgreSQL shows of a statement names its tenant: views, logs, errors."""

from contextlib import nullcontext

import psycopg
import pytest
from django.db import connection, transaction
from django.db.utils import DatabaseError

from tenantry import override_tenant
from tenantry.conf import conf
from tests import servers
from tests.conformance.conftest import OPTIONS, ROWS
from tests.shop.models import Author

SHOWN = """
    SELECT query, application_name FROM pg_stat_activity
    WHERE pid = pg_backend_pid() AND 1 = %s
"""
BINDING = OPTIONS.get("server_side_binding")


def mark(tenant):
    """Return the part of a statement that names the tenant."""
    if ROWS:
        return f"SET LOCAL tenantry.tenant TO '{tenant.location}'"
    return f'SET LOCAL search_path TO "{tenant.location}"'


@pytest.fixture(params=[nullcontext, transaction.atomic], ids=["autocommit", "atomic"])
def block(request):
    """Whether the statements are in a transaction."""
    return request.param


def shown():
    """Return what the server shows of the statement that asks it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(SHOWN, [1])
        return cursor.fetchone()


@pytest.fixture
def named(settings):
    """The placement has an APPLICATION_NAME."""
    placements = dict(settings.TENANTRY["PLACEMENTS"])
    default = placements["default"]
    options = {**default.get("OPTIONS", {}), "APPLICATION_NAME": "shop:{key}"}
    placements["default"] = {**default, "OPTIONS": options}
    settings.TENANTRY = {**settings.TENANTRY, "PLACEMENTS": placements}
    assert not conf.problems


def test_the_statement_that_the_server_shows_names_its_tenant(world, block):
    for tenant in (world.a, world.b, world.a):
        with override_tenant(tenant), block():
            query, name = shown()
            # What the server binds is a message of its own: the name tells of it.
            assert (mark(tenant) in query) is not bool(BINDING)
            assert tenant.key not in name


@pytest.fixture
def log():
    """What the server logs of this connection: all, and the client gets it too."""
    lines = []
    with override_tenant(None):
        facts = connection.get_connection_params()
        every = f"ROLE {facts['user']} IN DATABASE {facts['dbname']}"
        name = "log_min_duration_statement"
        _as_superuser(f"ALTER {every} SET {name} = 0")
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute("SET client_min_messages = log")
        connection.connection.add_notice_handler(
            lambda said: lines.append(said.message_primary)
        )
        yield lines
        _as_superuser(f"ALTER {every} RESET {name}")
        connection.close()


def _as_superuser(sql):
    facts = servers.postgres()
    with psycopg.connect(
        host=facts["HOST"],
        port=facts["PORT"],
        user=facts["USER"],
        password=facts["PASSWORD"],
        dbname="postgres",
        autocommit=True,
    ) as its:
        its.execute(sql)


@pytest.mark.skipif(
    bool(BINDING or OPTIONS.get("pool")),
    reason="what is bound shows the name alone; a pool keeps connections as they are",
)
def test_a_statement_in_the_log_of_slow_ones_names_its_tenant(world, block, log):
    for tenant in (world.a, world.b):
        log.clear()
        with override_tenant(tenant), block():
            Author.objects.count()
        slow = [line for line in log if "shop_author" in line]
        assert len(slow) == 1
        assert slow[0].startswith("duration: ")
        assert mark(tenant) in slow[0]


def test_the_server_shows_the_name_while_the_statement_runs_and_not_after(
    world, block, named
):
    for tenant in (world.a, world.b, world.a):
        with override_tenant(tenant), block():
            assert shown()[1] == f"shop:{tenant.key}"
            # In a named cursor as well, and after a switch.
            authors = Author.objects.order_by("pk").iterator(chunk_size=1)
            assert next(authors).name
            other = world.b if tenant is world.a else world.a
            with override_tenant(other):
                assert shown()[1] == f"shop:{other.key}"
            assert len(list(authors)) == 1
        assert shown()[1] == ""


def test_statements_have_their_own_results_and_errors_with_a_name(world, named):
    with override_tenant(world.a):
        assert Author.objects.count() == 2
        assert list(Author.objects.order_by("pk").values_list("pk", flat=True))
        with connection.cursor() as cursor:
            cursor.executemany("SELECT %s", [(1,), (2,)])
            with pytest.raises(DatabaseError) as error:
                cursor.execute("SELECT 1,\n nothing")
        assert "LINE 2:  nothing" in str(error.value)
        with pytest.raises(DatabaseError), transaction.atomic():
            Author.objects.raw("SELECT 1/0 AS id")[0]
        assert Author.objects.count() == 2


def test_a_pipeline_shows_the_name_too(world, named):
    with override_tenant(world.a), transaction.atomic():
        connection.ensure_connection()
        with connection.connection.pipeline(), connection.connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('application_name')")
            assert cursor.fetchone() == (f"shop:{world.a.key}",)
