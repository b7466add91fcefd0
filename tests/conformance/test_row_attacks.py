"""Row isolation: ways around the policies that SQL might take, by accident or not.

Where a statement names another tenant (`SET tenantry.tenant`) it is obeyed, as the docs
say; here it names none.
"""

import psycopg
import pytest
from django.db import IntegrityError, ProgrammingError, connection, transaction
from psycopg import ClientCursor

from tenantry import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.isolation import isolations
from tenantry.isolation.owner import as_owner
from tests.geo.models import Country
from tests.shop.models import Author, Book, Stock
from tests.world import ONE, TWO, rows

OF_B = "stock of b"
INTO = f"INSERT INTO shop_stock (sku, count) VALUES ('{OF_B}', 5)"
UPDATE = "DO UPDATE SET count = EXCLUDED.count + shop_stock.count"
ON_KEY = "ON CONFLICT ON CONSTRAINT shop_stock_sku_key"
ON_SKU = f"ON CONFLICT (sku) {UPDATE}"
SHARED = f"INSERT INTO geo_country (id, name) VALUES ({ONE}, 'x') ON CONFLICT (id)"
TEXTS = ("'on conflict (sku'", r"E'it\'s on conflict ('", "$x$on conflict ($y$ ($x$")
# Each adds 5 to the one that B has.
UPSERTS = {
    "plain": f"{INTO} {ON_SKU}",
    "by a quoted name": f'{INTO} ON CONFLICT("sku"){UPDATE}',
    "on lines": f"{INTO}\n  on  conflict\n  ( sku )\n  {UPDATE}",
    "by an alias": f"{INTO} {ON_SKU}".replace(
        "shop_stock (", "shop_stock AS s ("
    ).replace("shop_stock.count", "s.count"),
    "of a qualified name": f"{INTO} {ON_SKU}".replace(
        "shop_stock (", 'tenantry_rows . "shop_stock" ('
    ),
    "by the constraint": f"{INTO} {ON_KEY} {UPDATE}",
    "with the tenant": f"{INTO} ON CONFLICT (tenantry_key, sku) {UPDATE}",
    "with a condition": f"{INTO} ON CONFLICT (sku) WHERE sku <> '' {UPDATE}",
    **{f"after {text}": f"{INTO}, ({text}, 0) {ON_SKU}" for text in TEXTS},
    "after comments": (
        f"/* insert into x /* on conflict ( */ */ {INTO} -- on conflict (\n {ON_SKU}"
    ),
    "within a query": (
        f"WITH made AS ({INTO} {ON_SKU} RETURNING sku) SELECT sku FROM made"
    ),
    "after one on a shared table": (
        f"WITH made AS ({SHARED} DO UPDATE SET name = 'after' RETURNING id) INSERT "
        f"INTO shop_stock (sku, count) SELECT '{OF_B}', 5 FROM made {ON_SKU}"
    ),
    "before one on a shared table": (
        f"WITH made AS ({INTO} {ON_SKU} RETURNING sku) INSERT INTO geo_country "
        f"(id, name) SELECT {ONE}, sku FROM made ON CONFLICT (id) DO NOTHING"
    ),
    "followed by one on a shared table": f"{INTO} {ON_SKU}; {SHARED} DO NOTHING",
    "merge": (
        f"MERGE INTO shop_stock t USING (VALUES ('{OF_B}', 5), ('stock of a', 5)) "
        "v (sku, n) ON t.sku = v.sku WHEN MATCHED THEN UPDATE SET count = t.count + n"
    ),
}


def execute(sql, params=None):
    """Run a statement; return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


@transaction.atomic
def in_one(*statements):
    """Run the statements in one transaction."""
    for sql in statements:
        execute(sql)


@transaction.atomic
def written_and_checked(sql, tenant):
    """Refer to a row that only A has; foreign keys are checked while one is active."""
    execute(sql, [ONE + 9])
    with override_tenant(tenant):
        execute("SET CONSTRAINTS ALL IMMEDIATE")


@pytest.fixture
def _country(world):
    Country.objects.create(pk=ONE, name="before")
    yield
    Country.objects.all().delete()


@pytest.mark.usefixtures("_country")
@pytest.mark.parametrize("sql", UPSERTS.values(), ids=UPSERTS)
def test_an_upsert_finds_the_row_of_its_tenant(world, sql):
    with override_tenant(world.a):
        Stock.objects.create(sku=OF_B, count=100)  # the same key in A
    before = rows(world.a)
    with override_tenant(world.b):
        execute(sql)
        assert Stock.objects.get(sku=OF_B).count == 6
    assert rows(world.a) == before
    assert Country.objects.count() == 1


@pytest.mark.parametrize(
    "sql",
    [
        f"INSERT /* x */ INTO shop_stock (sku) VALUES ('{OF_B}') ON CONFLICT (sku) ",
        f"INSERT INTO shop_stock (sku) VALUES ('{OF_B}') ON /* x */ CONFLICT (sku) ",
        f"INSERT INTO shop_stock (sku) VALUES ('{OF_B}') ON CONFLICT /* ( */ (sku) ",
        f"INSERT INTO shop_stock (sku) VALUES ('{OF_B}') ON CONFLICT (count) ",
    ],
)
def test_an_upsert_that_is_not_understood_is_refused_by_the_database(world, sql):
    before = rows(world.a), rows(world.b)
    with override_tenant(world.b), pytest.raises(ProgrammingError, match="ON CONFLICT"):
        execute(f"{sql} DO UPDATE SET count = 0")
    assert (rows(world.a), rows(world.b)) == before


@pytest.mark.usefixtures("_country")
def test_an_upsert_on_a_shared_table_is_left_alone(world):
    with override_tenant(world.b):
        execute(
            "INSERT INTO geo_country (id, name) VALUES (%s, 'x') ON CONFLICT (id) "
            "DO UPDATE SET name = 'insert into shop_stock on conflict (id)'",
            [ONE],
        )
    assert Country.objects.get().name == "insert into shop_stock on conflict (id)"


def test_a_setting_of_the_session_does_not_reach_the_next_statement(world):
    """`SET` outlives its transaction; each statement is told anew."""
    with override_tenant(world.a):
        execute(f"SET tenantry.tenant TO '{world.a.location}'")
    with override_tenant(world.b):
        assert execute("SELECT name FROM shop_author ORDER BY id")[0] == ("Ann of b",)
        named = Author.objects.order_by("pk").iterator(chunk_size=1)
        assert [author.name for author in named] == ["Ann of b", "Bob of b"]
        with transaction.atomic():
            execute(f"SET LOCAL tenantry.tenant TO '{world.a.location}'")
            assert Author.objects.get(pk=ONE).name == "Ann of b"
    names = "SELECT name FROM tenantry_rows.shop_author"
    assert execute(names) == []
    bare = ClientCursor(connection.connection)
    assert bare.execute(names).fetchone() == ("Ann of a",)  # so it was set indeed
    execute("RESET ALL")
    assert bare.execute(names).fetchone() is None


@pytest.mark.parametrize(
    "sql",
    [
        "SET LOCAL row_security = off",
        "SET LOCAL ROLE tenantry_owner",
        "SET LOCAL SESSION AUTHORIZATION tenantry_owner",
    ],
)
def test_the_role_that_serves_cannot_rise_above_the_policies(world, sql):
    with override_tenant(world.b), pytest.raises(ProgrammingError) as refusal:
        in_one(sql, "SELECT name FROM shop_author")
    assert isinstance(refusal.value.__cause__, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE shop_book SET author_id = %s",
        f"INSERT INTO shop_book (id, title, author_id) VALUES ({ONE + 5}, 'x', %s)",
        f"INSERT INTO shop_book_tags (book_id, tag_id) SELECT {TWO}, %s",
    ],
)
def test_a_key_of_anothers_row_is_refused_whatever_is_active_at_the_check(world, sql):
    with override_tenant(world.a):
        Author.objects.create(pk=ONE + 9, name="only of a")
        execute("INSERT INTO shop_tag (id, name) VALUES (%s, 'only of a')", [ONE + 9])
    before = rows(world.a), rows(world.b)
    with override_tenant(world.b):
        for check in (None, world.a, world.b):
            with pytest.raises(IntegrityError):
                written_and_checked(sql, check)
    assert (rows(world.a), rows(world.b)) == before


def test_an_objects_key_in_raw_sql_deletes_its_tenants_row_only(world):
    before = rows(world.a)
    with override_tenant(world.b):
        execute("DELETE FROM shop_book_tags WHERE book_id = %s", [world.of_a.book.pk])
        Book.objects.filter(pk=world.of_a.book.pk).delete()
        assert Book.objects.count() == 1
    assert rows(world.a) == before


MADE = (
    "CREATE VIEW names AS SELECT id, name FROM shop_author",
    (
        "CREATE FUNCTION all_names() RETURNS SETOF text LANGUAGE sql SECURITY DEFINER"
        " AS $$ SELECT name::text FROM shop_author ORDER BY id $$"
    ),
    "CREATE TABLE event (name text, at int) PARTITION BY RANGE (at)",
    "CREATE TABLE event1 PARTITION OF event FOR VALUES FROM (0) TO (10)",
    "CREATE TABLE event2 (name text, at int)",
    "CREATE TABLE special (more int) INHERITS (shop_tag)",
)


@pytest.fixture
def _made():
    """What a migration may make by SQL of its own, hardened as after a migration."""
    isolation = isolations["default"]
    with as_owner(), override_tenant(isolation.template_ref("")):
        for sql in MADE:
            execute(sql)
        isolation.harden("default")
        isolation.grant("default")
        execute(
            "ALTER TABLE event ATTACH PARTITION event2 FOR VALUES FROM (10) TO (20)"
        )
        isolation.harden("default")
        yield
        execute("DROP TABLE event, special; DROP VIEW names; DROP FUNCTION all_names()")


@pytest.mark.usefixtures("_made")
def test_what_sql_has_made_shows_the_active_tenants_rows_only(world):
    with override_tenant(world.a):
        execute("INSERT INTO event VALUES ('one of a', 1), ('two of a', 11)")
        execute("INSERT INTO special (id, name) VALUES (9, 'special of a')")
        assert execute("SELECT name FROM event1") == [("one of a",)]
        assert execute("SELECT name FROM special") == [("special of a",)]
    before = rows(world.a)
    with override_tenant(world.b):
        assert execute("SELECT name FROM names ORDER BY id")[0] == ("Ann of b",)
        assert execute("SELECT * FROM all_names()") == [("Ann of b",), ("Bob of b",)]
        for table in ("event", "event1", "event2", "special"):
            assert execute(f"SELECT * FROM {table}") == [], table
            execute(f"DELETE FROM {table}")
        execute("UPDATE names SET name = 'changed'")
    assert rows(world.a) == before
    with override_tenant(world.a):
        assert len(execute("SELECT * FROM event")) == 2
        execute("DELETE FROM special")


def test_what_the_planner_knows_of_the_rows_is_not_shown(world):
    with as_owner(), override_tenant(world.a):
        execute("ANALYZE shop_author")
    with override_tenant(world.b):
        sql = "SELECT most_common_vals FROM pg_stats WHERE tablename = 'shop_author'"
        assert execute(sql) == []


def test_the_owners_alias_is_no_way_to_tenants(world):
    with override_tenant(world.a):
        for attempt in (
            lambda: list(Author.objects.using("owner")),
            lambda: Author(name="x").save(using="owner"),
            lambda: world.of_a.author.delete(using="owner"),
        ):
            with pytest.raises(NotSupported):
                attempt()
