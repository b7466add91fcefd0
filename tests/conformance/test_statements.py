"""Each statement travels with its tenant, unseen by its caller."""

import copy
import threading

import psycopg
import pytest
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import connection, connections, models, transaction
from django.db.backends.postgresql import base
from django.db.migrations.state import ProjectState
from django.db.utils import DatabaseError, ProgrammingError
from django.test.utils import CaptureQueriesContext
from psycopg import ClientCursor, sql

from tenantry import override_tenant
from tenantry.backends.postgresql import statement
from tenantry.backends.postgresql.statement import CarryingCursor
from tenantry.isolation import isolations
from tenantry.isolation.owner import as_owner
from tests.conformance.conftest import ROWS, own_tables
from tests.geo.models import Country
from tests.shop.models import Author, Book
from tests.world import ONE, TWO, replaced, rows

NAMES = "SELECT name FROM shop_author ORDER BY id"
BOTH = (("a", "b"), ("b", "a"))


@pytest.fixture(params=["autocommit", "atomic"])
def mode(request):
    """Whether the test's statements are in a transaction."""
    return request.param


def each(world, mode):
    """Run the loop's body in A, in B and in A again."""
    for tenant, name in ((world.a, "a"), (world.b, "b"), (world.a, "a")):
        with override_tenant(tenant):
            if mode == "atomic":
                with transaction.atomic():
                    yield name
            else:
                yield name


def one(query, params=None):
    """Return the first column of the query's rows."""
    with connection.cursor() as cursor:
        cursor.execute(query, params)
        return [row[0] for row in cursor.fetchall()]


def home(tenant):
    """Return the schema of the tenant's tables."""
    return isolations["default"].home(tenant.ref)


def told_by_hand(tenant):
    """Return a cursor whose session has been told the tenant, past tenantry."""
    raw = ClientCursor(connections["default"].connection)
    raw.execute(f'SET search_path TO "{home(tenant)}"')
    raw.execute(f"SET tenantry.tenant TO '{tenant.location}'")
    return raw


FORMS = {
    "plain": NAMES,
    "comment": f"/* one */ -- two\n  /* three */ {NAMES}",
    "many comments": "/* x */ " * 200 + NAMES,
    "percent": (
        "SELECT name FROM shop_author WHERE name LIKE 'Ann%' OR id > 1 ORDER BY id"
    ),
    "semicolon": f"{NAMES};",
    "with": f"WITH found AS ({NAMES}) SELECT name FROM found",
    "composed": sql.SQL("SELECT name FROM {} ORDER BY id").format(
        sql.Identifier("shop_author")
    ),
    "bytes": NAMES.encode(),
    "several": f"SELECT 1; {NAMES}",
}
IN_TRANSACTIONS = {
    **FORMS,
    "after a savepoint": f"SAVEPOINT x; {NAMES}",
    "after a comment with a savepoint": f"/* a /* b */ savepoint */ {NAMES}",
}


@pytest.mark.parametrize("query", FORMS.values(), ids=FORMS.keys())
def test_every_form_of_statement_reads_the_active_tenant(world, mode, query):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            cursor.execute(query)
            while cursor.nextset():
                pass
            assert cursor.fetchall() == [(f"Ann of {name}",), (f"Bob of {name}",)]


@pytest.mark.parametrize("query", IN_TRANSACTIONS.values(), ids=IN_TRANSACTIONS.keys())
def test_after_a_switch_within_a_transaction_the_active_tenant_is_read(world, query):
    with override_tenant(world.a), transaction.atomic():
        assert one(NAMES)[0] == "Ann of a"
        with override_tenant(world.b), connection.cursor() as cursor:
            cursor.execute(query)
            while cursor.nextset():
                pass
            assert cursor.fetchall() == [("Ann of b",), ("Bob of b",)]


def test_control_sent_as_it_is_a_statement_reads_the_tenant_told_before(world):
    def alone(_self, query):
        return query == (NAMES + " ").encode()

    with (
        replaced(CarryingCursor, "_goes_alone", alone),
        replaced(statement, "ORDINARY", ()),
        override_tenant(world.a),
        transaction.atomic(),
    ):
        assert one(NAMES)[0] == "Ann of a"
        with override_tenant(world.b):
            assert one(NAMES + " ")[0] == "Ann of a"


def test_an_aborted_transaction_takes_savepoints_and_nothing_else(world):
    with override_tenant(world.a), transaction.atomic():
        assert one(NAMES)[0] == "Ann of a"
        with override_tenant(world.b), connection.cursor() as cursor:
            cursor.execute("SAVEPOINT x")
            with pytest.raises(ProgrammingError):
                cursor.execute("SELECT nothing")
            with pytest.raises(DatabaseError):
                cursor.execute(NAMES)
            with pytest.raises(DatabaseError):
                cursor.execute(f"ROLLBACK TO SAVEPOINT x; {NAMES}")
            cursor.execute("ROLLBACK TO SAVEPOINT x")
            cursor.execute(NAMES)
            assert cursor.fetchone() == ("Ann of b",)
            cursor.execute("RELEASE SAVEPOINT x")
        assert one(NAMES)[0] == "Ann of a"


@pytest.mark.parametrize("reset", ["RESET ALL", "DISCARD ALL", "RESET search_path"])
def test_after_a_reset_of_the_session_the_active_tenant_is_read(world, reset):
    for name in each(world, "autocommit"):
        with connection.cursor() as cursor:
            cursor.execute(reset)
            cursor.execute(NAMES)
            assert cursor.fetchone() == (f"Ann of {name}",)


def test_control_a_path_of_the_session_is_lost_by_a_reset(world):
    with connection.cursor():
        raw = told_by_hand(world.a)
        assert raw.execute(NAMES).fetchone() == ("Ann of a",)
        raw.execute("RESET ALL")
        with pytest.raises(psycopg.errors.UndefinedTable):
            raw.execute(NAMES)


def test_a_path_set_by_hand_does_not_outlive_its_statement(world):
    with override_tenant(world.a), connection.cursor():
        told_by_hand(world.a)
    with override_tenant(world.b):
        assert one(NAMES)[0] == "Ann of b"
    assert Country.objects.count() >= 0
    with connection.cursor() as cursor, pytest.raises(ProgrammingError):
        cursor.execute(NAMES)
    with connection.cursor() as cursor:
        cursor.execute("RESET ALL")


def test_a_temporary_table_never_stands_in_for_a_table(world):
    """It is the connection's, which serves all tenants in turn."""
    with override_tenant(world.a), connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMPORARY TABLE shop_author AS SELECT * FROM shop_author"
        )
    with override_tenant(world.b):
        assert one(NAMES) == ["Ann of b", "Bob of b"]
        assert Author.objects.get(pk=ONE).name == "Ann of b"
    control = told_by_hand(world.b)
    assert control.execute(NAMES).fetchone() == ("Ann of a",)
    control.execute("DROP TABLE pg_temp.shop_author")
    control.execute("RESET ALL")


PREPARED = "PREPARE names AS SELECT name FROM shop_author ORDER BY id"


def test_a_prepared_statement_reads_the_tenant_it_is_executed_in(world, mode):
    with override_tenant(world.a), connection.cursor() as cursor:
        cursor.execute(PREPARED)
    for name in each(world, mode):
        assert one("EXECUTE names") == [f"Ann of {name}", f"Bob of {name}"]
    with connection.cursor() as cursor:
        cursor.execute("DEALLOCATE names")


def test_nothing_is_left_on_the_server(world, mode):
    for _ in each(world, mode):
        assert Author.objects.count() == 2
    raw = ClientCursor(connection.connection)
    assert raw.execute("SHOW search_path").fetchone() == ('"$user", public',)
    with pytest.raises(psycopg.errors.UndefinedTable):
        raw.execute(NAMES)
    for table in ("auth_user", "django_session", "shop_author"):
        with pytest.raises(psycopg.errors.UndefinedTable):
            raw.execute(f"SELECT * FROM {table}")


def test_the_callers_statement_is_logged_alone(world, mode):
    for name in each(world, mode):
        with CaptureQueriesContext(connection) as queries:
            Author.objects.get(name=f"Ann of {name}")
            list(Author.objects.iterator(chunk_size=1))
            one("SELECT %s::int", [1])
            with connection.cursor() as cursor:
                cursor.executemany(
                    "UPDATE shop_author SET name = %s WHERE id = %s", [("x", 5)]
                )
        assert queries.captured_queries
        assert "search_path" not in str(queries.captured_queries)


def test_the_shared_connections_statements_are_logged_alone_too(world):
    with override_tenant(world.a):
        shared = connections["tenantry:shared"]
        with CaptureQueriesContext(connections["default"]) as queries:
            with shared.cursor() as cursor:
                cursor.execute("SELECT count(*) FROM geo_country")
            assert cursor is not None
        assert "search_path" not in str(queries.captured_queries)


def test_execute_wrappers_see_the_callers_statement_once(world, mode):
    for _ in each(world, mode):
        seen = []

        def note(execute, query, *rest, seen=seen):
            seen.append(query)
            return execute(query, *rest)

        with connection.execute_wrapper(note):
            assert one(NAMES)
        assert seen == [NAMES]


class Counting:
    """Counts what a psycopg connection sends: each call is a round trip."""

    def __init__(self, monkeypatch):
        self.sent = []
        real = psycopg.Cursor._maybe_prepare_gen

        def gen(cursor, query, *args, **kwargs):
            self.sent.append(query.query)
            return real(cursor, query, *args, **kwargs)

        monkeypatch.setattr(psycopg.Cursor, "_maybe_prepare_gen", gen)


def test_no_query_takes_a_further_call_or_round_trip(world, mode, monkeypatch):
    with override_tenant(world.a):
        Author.objects.count()
    calls = []
    real = psycopg.Cursor.execute

    def execute(self, *args, **kwargs):
        calls.append(args)
        return real(self, *args, **kwargs)

    monkeypatch.setattr(psycopg.Cursor, "execute", execute)
    for tenant in (world.a, world.b, world.b, world.a):
        with override_tenant(tenant):
            block = transaction.atomic()
            if mode == "atomic":
                block.__enter__()
            calls.clear()
            with CaptureQueriesContext(connection) as queries:
                Author.objects.get(pk=ONE)
                Author.objects.filter(pk=TWO).update(name="x")
                list(Book.objects.select_related("author"))
            assert len(calls) == len(queries) == 3
            if mode == "atomic":
                block.__exit__(None, None, None)


def test_an_errors_text_and_position_are_the_callers(world, mode):
    query = "SELECT name\nFROM shop_author\nWHERE nothing = 1"
    with pytest.raises(psycopg.errors.UndefinedColumn) as plain:
        told_by_hand(world.a).execute(query)
    connections["default"].connection.cursor().execute("RESET ALL")
    for query_form in (query, query.encode()):
        with pytest.raises(ProgrammingError) as refusal:  # noqa: PT012
            for _ in each(world, mode):
                one(query_form)
        error = refusal.value.__cause__
        assert str(error) == str(plain.value)
        assert error.diag.statement_position == plain.value.diag.statement_position
        assert int(error.diag.statement_position) == query.index("nothing") + 1
        assert "LINE 3:" in str(error)


def test_executemany_writes_to_the_active_tenant(world, mode):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            cursor.executemany(
                "UPDATE shop_author SET name = %s WHERE id = %s",
                [(f"1% of {name}", ONE), (f"2 of {name}", TWO), ("x", 5)],
            )
            assert cursor.rowcount == 2
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant):
            assert one(NAMES) == [f"1% of {name}", f"2 of {name}"]


def test_executemany_returns_every_result_where_asked(world, mode):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            cursor.cursor.executemany(
                "UPDATE shop_author SET name = name WHERE id = %s RETURNING name",
                [(ONE,), (TWO,)],
                returning=True,
            )
            found = [cursor.fetchone()[0]]
            assert cursor.nextset()
            found.append(cursor.fetchone()[0])
        assert found == [f"Ann of {name}", f"Bob of {name}"]


def test_executemany_is_whole_or_not_at_all(world):
    with override_tenant(world.a), connection.cursor() as cursor:
        with pytest.raises(DatabaseError):
            cursor.executemany(
                "UPDATE shop_author SET name = %s WHERE id = %s",
                [("changed", ONE), ("x" * 51, TWO)],
            )
        assert one(NAMES) == ["Ann of a", "Bob of a"]


@own_tables
def test_copy_reads_and_writes_the_active_tenant(world, mode):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            with cursor.copy("COPY shop_author (id, name) FROM STDIN") as copy:
                copy.write_row((77 if name == "a" else 78, f"copied of {name}"))
            with cursor.copy("COPY shop_author (name) TO STDOUT") as copy:
                found = b"".join(copy).decode()
            cursor.execute("DELETE FROM shop_author WHERE id < 100")
            assert cursor.rowcount == 1
        assert f"copied of {name}" in found
        assert found.count(f"of {name}") == 3


def test_a_stream_reads_the_active_tenant(world, mode):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            found = [row[0] for row in cursor.cursor.stream(NAMES)]
        assert found == [f"Ann of {name}", f"Bob of {name}"]


def test_a_named_cursor_reads_the_tenant_it_was_declared_in(world, mode):
    for name in each(world, mode):
        found = Author.objects.order_by("pk").iterator(chunk_size=1)
        assert next(found).name == f"Ann of {name}"
        with override_tenant(world.b):
            assert next(found).name == f"Bob of {name}"
        assert next(found, None) is None


def homes_of_a_named_cursor(world):
    """Return for which tenant a query reads that runs on after a switch."""
    setting = "tenantry.tenant" if ROWS else "search_path"
    query = f"SELECT current_setting('{setting}') FROM generate_series(1, 3) g"
    with override_tenant(world.a), transaction.atomic():
        cursor = connection.chunked_cursor()
        cursor.execute(query)
        seen = cursor.fetchmany(1)
        with override_tenant(world.b):
            assert one(NAMES)[0] == "Ann of b"
            seen += cursor.fetchmany(1)
        cursor.close()
        assert one(NAMES)[0] == "Ann of a"
    return [path.partition(",")[0].strip('"') for (path,) in seen]


def test_the_query_of_a_named_cursor_runs_on_in_its_tenant(world):
    assert homes_of_a_named_cursor(world) == [world.a.location] * 2


def test_control_untold_it_runs_on_in_the_tenant_told_last(world):
    def untold(_self):
        yield from ()

    with replaced(statement.CarryingServerCursor, "_tell_again_gen", untold):
        assert homes_of_a_named_cursor(world) == [world.a.location, world.b.location]


def test_results_and_their_descriptions_are_the_callers_only(world, mode):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            cursor.execute(f"{NAMES}; SELECT 1, 2; UPDATE shop_author SET name = name")
            assert [column.name for column in cursor.description] == ["name"]
            assert cursor.rowcount == 2
            assert cursor.fetchone() == (f"Ann of {name}",)
            assert cursor.nextset()
            assert cursor.fetchall() == [(1, 2)]
            assert cursor.nextset()
            assert cursor.description is None
            assert cursor.rowcount == 2
            assert not cursor.nextset()


def test_explain_is_of_the_callers_statement(world, mode):
    for _ in each(world, mode):
        assert "shop_author" in Author.objects.explain()
        assert "Insert on shop_author" in str(
            one("EXPLAIN INSERT INTO shop_author (name) VALUES ('x')")
        )


def test_a_block_of_code_runs_in_the_active_tenant(world, mode):
    for name in each(world, mode):
        with connection.cursor() as cursor:
            cursor.execute(
                "DO $$ BEGIN UPDATE shop_author SET name = 'done ' || name; END $$"
            )
            cursor.execute(NAMES)
            assert cursor.fetchone()[0].endswith(f"done Ann of {name}")


def test_code_that_commits_is_refused(world):
    before = rows(world.a), rows(world.b)
    with (
        override_tenant(world.a),
        connection.cursor() as cursor,
        pytest.raises(DatabaseError),
    ):
        cursor.execute("DO $$ BEGIN DELETE FROM shop_tag; COMMIT; END $$")
    assert (rows(world.a), rows(world.b)) == before


ALONE = {
    "VACUUM shop_author": "",
    "VACUUM (ANALYZE) shop_author, geo_country": "",
    "CREATE INDEX CONCURRENTLY x ON shop_author (name)": "x",
    "/* x */ CREATE UNIQUE INDEX CONCURRENTLY x ON shop_author (id)": "x",
    "REINDEX TABLE CONCURRENTLY shop_author": "",
    "REINDEX INDEX CONCURRENTLY shop_author_pkey": "",
    "CLUSTER shop_author USING shop_author_pkey": "",
    "VACUUM geo_country": "",
}


@pytest.mark.parametrize("query", ALONE)
def test_what_refuses_a_transaction_finds_the_tenants_tables_and_shared_ones(
    world, query
):
    """They cannot carry their tenant: so their names are qualified."""
    made = "SELECT schemaname FROM pg_indexes WHERE indexname = 'x'"
    with as_owner(), override_tenant(world.a), connection.cursor() as cursor:
        cursor.execute(query)
        assert one(made) == ([home(world.a)] if ALONE[query] else [])
        cursor.execute("DROP INDEX CONCURRENTLY IF EXISTS x")
        assert one(made) == []


@pytest.mark.parametrize(
    "query", ["VACUUM nothing", "CREATE INDEX CONCURRENTLY x ON nothing (name)"]
)
def test_a_name_that_is_found_nowhere_is_an_error(world, query):
    with (
        as_owner(),
        override_tenant(world.a),
        connection.cursor() as cursor,
        pytest.raises(DatabaseError, match="nothing"),
    ):
        cursor.execute(query)


def test_what_refuses_a_transaction_works_with_the_full_name(world):
    with as_owner(), override_tenant(world.a), connection.cursor() as cursor:
        cursor.execute(f'VACUUM "{home(world.a)}".shop_author')
        cursor.execute("VACUUM (ANALYZE) geo_country")


def test_an_index_is_added_concurrently_in_the_tenant_alone(world):
    index = models.Index(fields=["name"], name="tests_concurrently")
    operation = AddIndexConcurrently("author", index)
    before = ProjectState()
    from django.db.migrations.state import ModelState

    before.add_model(ModelState.from_model(Author))
    for label in ("geo", "contenttypes"):
        from django.apps import apps

        for model in apps.get_app_config(label).get_models():
            before.add_model(ModelState.from_model(model))
    for model in (Book, *_rest()):
        before.add_model(ModelState.from_model(model))
    after = before.clone()
    operation.state_forwards("shop", after)

    def schemas():
        return one(
            "SELECT schemaname FROM pg_indexes WHERE indexname = 'tests_concurrently'"
        )

    with as_owner(), override_tenant(world.b):
        with connection.schema_editor(atomic=False) as editor:
            operation.database_forwards("shop", editor, before, after)
        assert schemas() == [home(world.b)]
        with connection.schema_editor(atomic=False) as editor:
            operation.database_backwards("shop", editor, after, before)
        assert schemas() == []


def _rest():
    from tests.shop.models import Note, Tag

    return Note, Tag


def test_introspection_shows_the_tenants_tables_only(world):
    with override_tenant(world.a):
        tables = connection.introspection.table_names()
        assert "shop_author" in tables
        assert "geo_country" not in tables
    tables = connection.introspection.table_names()
    assert "shop_author" not in tables
    assert "geo_country" in tables


def test_a_connection_captured_before_a_switch_follows_the_switch(world):
    with override_tenant(world.a):
        kept = connections["default"]
        cursor = kept.cursor()
        cursor.execute(NAMES)
        assert cursor.fetchone() == ("Ann of a",)
    with override_tenant(world.b), kept.cursor() as new:
        new.execute(NAMES)
        assert new.fetchone() == ("Ann of b",)
        assert cursor.fetchone() == ("Bob of a",)
        cursor.execute(NAMES)
        assert cursor.fetchone() == ("Ann of b",)
    cursor.execute("SELECT 1")
    with pytest.raises(ProgrammingError):
        cursor.execute(NAMES)
    cursor.close()


def test_the_shared_connection_shows_shared_tables_only(world):
    with override_tenant(world.a), connections["tenantry:shared"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM auth_user")
        with pytest.raises(ProgrammingError):
            cursor.execute(NAMES)


def test_two_threads_share_no_told_tenant(world):
    together = threading.Barrier(2)
    from tests.world import in_threads

    def work(tenant):
        seen = set()
        with override_tenant(tenant), transaction.atomic():
            for _ in range(10):
                together.wait()
                seen.add(one(NAMES)[0])
        return seen

    found = in_threads(lambda: work(world.a), lambda: work(world.b))
    assert found == [{"Ann of a"}, {"Ann of b"}]


def test_many_comments_in_front_cost_no_time():
    """Each could end at its own mark or at a later one's: two to the power of 2,000."""
    assert statement.AS_IT_IS.match(b"/* x */ " * 2000 + b"SELECT 1") is None
    assert statement.AS_IT_IS.match(b"/* x */ -- y\n" * 2000 + b"VACUUM") is not None


def test_a_raw_cursor_of_the_driver_carries_its_tenant(world):
    """Even in a transaction that has been told another tenant before."""
    with override_tenant(world.a), transaction.atomic():
        assert one(NAMES)[0] == "Ann of a"
        with override_tenant(world.b):
            raw = connection.connection.cursor()
            assert raw.execute(NAMES).fetchone() == ("Ann of b",)
        control = ClientCursor(connection.connection)
        with override_tenant(world.b):
            assert control.execute(NAMES).fetchone() == ("Ann of b",)
        assert one(NAMES)[0] == "Ann of a"
        with override_tenant(world.b):
            assert control.execute(NAMES).fetchone() == ("Ann of a",)


@pytest.mark.parametrize("factory", [base.Cursor, base.ServerBindingCursor])
def test_cursors_of_the_projects_own_class_carry_their_tenant(world, factory):
    class OfTheProject(factory):
        """Counts what it executes."""

        executed = 0

        def execute(self, *args, **kwargs):
            OfTheProject.executed += 1
            return super().execute(*args, **kwargs)

    settings = copy.deepcopy(connection.settings_dict)
    settings["OPTIONS"] = {"cursor_factory": OfTheProject}
    other = type(connections["default"])(settings)
    try:
        for tenant, name in ((world.a, "a"), (world.b, "b")):
            with override_tenant(tenant), other.cursor() as cursor:
                cursor.execute(f"{NAMES} LIMIT %s", [1])
                assert cursor.fetchall() == [(f"Ann of {name}",)]
                raw = other.connection.cursor().execute(NAMES)
                assert raw.fetchone() == (f"Ann of {name}",)
    finally:
        other.close()
    assert OfTheProject.executed >= 4
