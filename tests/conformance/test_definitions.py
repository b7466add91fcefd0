"""What a project's own SQL defines is in the tenant's place, or there for everyone."""

from contextlib import contextmanager

import pytest
from django.core.management import call_command
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef
from django.db.models.signals import post_migrate
from django.db.utils import DatabaseError, ProgrammingError

from tenantry import override_tenant
from tenantry.backends.postgresql import base, compiler
from tenantry.backends.postgresql.alone import qualified
from tenantry.backends.postgresql.queues import asked_once
from tenantry.backends.postgresql.views import as_ordinary
from tenantry.isolation import isolations
from tenantry.isolation.owner import as_owner
from tests.conformance.conftest import ROWS
from tests.shop.models import Author
from tests.world import replaced

rows_only = pytest.mark.skipif(not ROWS, reason="of tables that tenants share")
NAMES = {"a": [("Ann of a",), ("Bob of a",)], "b": [("Ann of b",), ("Bob of b",)]}
CLAIM = """
    UPDATE shop_author SET name = name WHERE id IN (
        SELECT id FROM shop_author ORDER BY random() LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id
"""


def execute(sql):
    """Run a statement; return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def places(world):
    """Return tenants such that each place of tables is that of one of them."""
    return [world.a] if ROWS else [world.a, world.b]


@contextmanager
def defined(world, *made, undone):
    """Define something in each place, for a block."""
    try:
        for tenant in places(world):
            for sql in made:
                with as_owner(), override_tenant(tenant):
                    execute(sql)
        yield
    finally:
        for tenant in places(world):
            with as_owner(), override_tenant(tenant):
                execute(undone)


def home(world):
    """Return the schema of the first tenant's tables."""
    with override_tenant(world.a):
        return connection.own_schemas[0]


def test_an_index_is_made_concurrently_in_its_place(world):
    """Such a statement goes alone, with no path to the tenant's tables."""
    made = "CREATE INDEX CONCURRENTLY IF NOT EXISTS of_names ON shop_author (name);"
    undone = "DROP INDEX CONCURRENTLY of_names"
    where = "SELECT schemaname FROM pg_indexes WHERE indexname = 'of_names'"
    with defined(world, made, undone=undone):
        assert len(execute(where)) == len(places(world))
        assert (home(world),) in execute(where)
    assert execute(where) == []
    with (
        replaced(base, "qualified", lambda sql, _: sql),
        pytest.raises(ProgrammingError, match='"shop_author" does not exist'),
        as_owner(),
        override_tenant(world.a),
    ):
        execute(made)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("VACUUM", "VACUUM"),
        ("vacuum (full, analyze) shop_tag", "vacuum (full, analyze) {}.shop_tag"),
        ("VACUUM ANALYZE shop_tag (id)", "VACUUM ANALYZE {}.shop_tag (id)"),
        (
            'reindex table concurrently "shop_tag"',
            'reindex table concurrently {}."shop_tag"',
        ),
        (
            "drop index concurrently shop_tag_pkey, s.b",
            "drop index concurrently {}.shop_tag_pkey, s.b",
        ),
        (
            'create index concurrently on "a-shop_tag"."c"',
            'create index concurrently on "a-shop_tag"."c"',
        ),
        (
            "create unique index concurrently i on only shop_tag (id)",
            "create unique index concurrently i on only {}.shop_tag (id)",
        ),
        ("CREATE INDEX i ON shop_tag (id)", "CREATE INDEX i ON shop_tag (id)"),
    ],
)
def test_names_get_their_schema_where_a_statement_goes_alone(world, sql, expected):
    with override_tenant(world.a):
        assert qualified(sql, connection) == expected.format(f'"{home(world)}"')


def test_an_extension_is_made_for_everyone(world):
    """Made in one tenant's schema, its types would go with that tenant."""
    try:
        with as_owner(), override_tenant(world.a):
            execute("SELECT 1; CREATE EXTENSION IF NOT EXISTS citext")
        for tenant in (world.a, world.b):
            with override_tenant(tenant):
                assert execute("SELECT 'A'::citext = 'a'::citext") == [(True,)]
        where = (
            "SELECT extnamespace::regnamespace::text FROM pg_extension "
            "WHERE extname = 'citext'"
        )
        assert execute(where) == [("public",)]
    finally:
        with as_owner():
            execute("DROP EXTENSION citext")


def test_a_materialized_view_shows_each_tenant_its_own(world):
    script = (
        "CREATE MATERIALIZED VIEW names AS SELECT name FROM shop_author WITH DATA; "
        "COMMENT ON MATERIALIZED VIEW names IS 'CREATE MATERIALIZED VIEW; not this'"
    )
    index = "CREATE UNIQUE INDEX names_name ON names (name)"
    with defined(world, script, index, undone="DROP MATERIALIZED VIEW names"):
        for tenant, name in ((world.a, "a"), (world.b, "b")):
            acting = as_owner(not ROWS)  # the serving role may refresh what is a view
            with acting, override_tenant(tenant):
                execute("REFRESH MATERIALIZED VIEW CONCURRENTLY names")
                assert execute("SELECT name FROM names ORDER BY name") == NAMES[name]


@rows_only
def test_control_a_real_one_shows_anothers_rows_and_is_refused(world):
    """SQL within a text is not read: what it has made is found when it is hardened."""
    text = "CREATE MATERIALIZED VIEW leaky AS SELECT name FROM shop_author"
    drop = "DO $$ BEGIN EXECUTE 'DROP MATERIALIZED VIEW leaky'; END $$"
    with defined(world, f"DO $$ BEGIN EXECUTE '{text}'; END $$", undone=drop):
        with override_tenant(world.b):
            assert execute("SELECT name FROM leaky ORDER BY name") == NAMES["a"]
        with pytest.raises(DatabaseError, match="leaky would show one tenant's rows"):
            isolations["default"].tables_of(world.a.ref).harden()


@rows_only
def test_an_ordinary_view_is_asked_by_its_user(world):
    """Its owner may see more: by default PostgreSQL would ask as the owner."""
    made = "CREATE VIEW seen AS SELECT name FROM shop_author"
    with defined(world, made, undone="DROP VIEW seen"):
        isolations["default"].tables_of(world.a.ref).harden()
        found = execute("SELECT reloptions FROM pg_class WHERE relname = 'seen'")
        if connection.pg_version >= 150000:
            assert found == [(["security_invoker=true"],)]
        for tenant, name in ((world.a, "a"), (world.b, "b")):
            with override_tenant(tenant):
                assert execute("SELECT name FROM seen ORDER BY name") == NAMES[name]


def test_rows_are_counted_by_primary_key(world):
    """Django groups by the key alone, and PostgreSQL wants the whole key."""
    counted = Author.objects.annotate(n=Count("books")).order_by("name")
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant):
            found = list(counted.all().values_list("name", "n"))
            objects = [(author.name, author.n) for author in counted.all()]
        assert found == objects == [(f"Ann of {name}", 2), (f"Bob of {name}", 0)]


def test_rows_are_counted_by_primary_key_in_a_subquery(world):
    """Its tables have aliases, which versions of Django quote each in its way."""
    with_books = Author.objects.annotate(n=Count("books")).filter(n__gt=0)
    inner = with_books.filter(pk=OuterRef("pk"))
    for tenant, name in ((world.a, "a"), (world.b, "b")):
        with override_tenant(tenant):
            found = Author.objects.filter(Exists(inner.all())).values_list("name")
            assert list(found) == [(f"Ann of {name}",)]


@rows_only
def test_control_with_djangos_own_grouping_nothing_is_counted(world):
    original = compiler.SQLCompiler.__mro__[1].collapse_group_by
    counted = Author.objects.annotate(n=Count("books"))
    with (
        replaced(compiler.SQLCompiler, "collapse_group_by", original),
        override_tenant(world.a),
        pytest.raises(ProgrammingError, match="must appear in the GROUP BY"),
    ):
        list(counted.all())


def claim_often():
    """Return how many rows each of some claims got, planned as for small tables."""
    with transaction.atomic():
        for way in ("hashagg", "hashjoin", "mergejoin", "sort", "material"):
            execute(f"SET LOCAL enable_{way} = off")
        return {len(execute(CLAIM)) for _ in range(40)}


@rows_only
def test_a_claim_gets_one_row_always(world):
    """By a plan that asks the claim for each row, it would get none or both."""
    with override_tenant(world.a):
        assert claim_often() == {1}
        with replaced(base, "asked_once", lambda sql, _: sql):
            assert claim_often() > {1}


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        (
            "a IN (SELECT b WHERE c IN (1) LIMIT 1 FOR UPDATE SKIP LOCKED) d",
            "a = ANY (ARRAY(SELECT b WHERE c IN (1) LIMIT 1 FOR UPDATE SKIP LOCKED)) d",
        ),
        ("a NOT IN (SELECT b FOR UPDATE SKIP LOCKED)", None),
        ("(a, b) IN (SELECT a, b FOR UPDATE SKIP LOCKED)", None),
        ("a IN (SELECT b) AND x = 'FOR UPDATE SKIP LOCKED'", None),
        ("'a IN (SELECT b FOR UPDATE SKIP LOCKED)'", None),
    ],
)
def test_only_claims_become_arrays(sql, expected):
    assert asked_once(sql, connection) == (expected or sql)


def test_what_is_no_materialized_view_is_left_alone(world):
    sql = "CREATE VIEW a AS SELECT 'create materialized view b as select 1; x' FROM c"
    assert as_ordinary(sql, connection) == sql


def test_signals_of_migrating_stay_with_the_apps_of_the_place():
    """A receiver of a tenants' app would ask the shared database for its tables."""
    told = []

    def receive(app_config, **_):
        told.append(app_config.label)

    post_migrate.connect(receive)
    try:
        call_command("migrate", verbosity=0)
    finally:
        post_migrate.disconnect(receive)
    assert "customers" in told
    assert "auth" in told
    assert "shop" not in told
