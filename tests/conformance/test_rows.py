"""Row isolation: what is true of tables that tenants share."""

import io
from contextlib import nullcontext

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, models, transaction
from django.db.utils import DatabaseError, ProgrammingError
from django.test.utils import isolate_apps

from tenantry import override_tenant
from tenantry.exceptions import TenantNotFound
from tenantry.isolation import isolations
from tenantry.isolation.owner import as_owner
from tests.shop.models import Author, Book, Tag
from tests.world import ONE, drop, fill, provision, rows

AUTHORS = "SELECT name FROM tenantry_rows.shop_author ORDER BY id"


def execute(sql):
    """Run a statement; return its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall() if cursor.description else []


def test_a_tenant_whose_rows_are_gone_is_empty(tenants):
    """It reads nobody else's, and not the shared half."""
    a, b = tenants
    User.objects.create_user("shared")
    fill(a, "a")
    fill(b, "b")
    before = rows(b)
    isolations["default"].destroy(a.ref)
    with override_tenant(a):
        assert not Author.objects.exists()
        assert not User.objects.exists()
        assert execute(AUTHORS) == []
    assert not isolations["default"].is_occupied(a.ref)
    assert rows(b) == before
    assert User.objects.filter(username="shared").exists()
    User.objects.all().delete()


def test_a_dropped_tenant_is_not_found_and_has_no_row(world):
    tenant = provision()
    fill(tenant, "a")
    assert isolations["default"].is_occupied(tenant.ref)
    before = rows(world.a), rows(world.b)
    drop(tenant)
    assert not isolations["default"].is_occupied(tenant.ref)
    with pytest.raises(TenantNotFound), override_tenant(tenant.ref.key):
        pass
    with override_tenant(tenant.ref):
        assert not Author.objects.exists()
    assert (rows(world.a), rows(world.b)) == before


def test_sequences_are_drawn_from_by_all_and_only_raised(world):
    with override_tenant(world.a):
        high = max(ONE, Tag.objects.create(name="next").pk) + 5_000
        Tag.objects.create(pk=high, name="high")
        reset_sequences()
        assert Tag.objects.create(name="x").pk == high + 1
    with override_tenant(world.b):
        assert Tag.objects.order_by("pk").last().pk < high
        reset_sequences()
        assert Tag.objects.create(name="x").pk == high + 2


SETTING = (
    "SELECT setval(pg_get_serial_sequence('shop_tag', 'id'), 5)",
    "SELECT pg_catalog.setval('shop_tag_id_seq', max(id) - 900000) FROM shop_tag",
    "SELECT SETVAL('shop_tag_id_seq'::regclass, 5, false), 'setval(' /* setval( */",
    "INSERT INTO shop_tag (name) SELECT 'x' || setval('shop_tag_id_seq', 5)",
)


@pytest.mark.parametrize("sql", SETTING)
def test_a_sequence_set_by_raw_sql_is_only_raised(world, sql):
    with override_tenant(world.a):
        reached = Tag.objects.create(name="x").pk
    with override_tenant(world.b):
        execute(sql)
        assert Tag.objects.create(name="x").pk > reached
        execute(f"SELECT setval('shop_tag_id_seq', {reached + 50}, false)")
        assert Tag.objects.create(name="x").pk == reached + 50


def reset_sequences():
    """Run what Django's `sqlsequencereset` says, as `loaddata` does."""
    out = io.StringIO()
    call_command("sqlsequencereset", "shop", stdout=out, no_color=True)
    for statement in out.getvalue().splitlines():
        execute(statement)


def test_copy_reads_the_active_tenant_and_does_not_write(world):
    """PostgreSQL refuses COPY FROM where there are policies, and says so."""
    before = rows(world.a), rows(world.b)
    with override_tenant(world.b), connection.cursor() as cursor:
        with cursor.copy("COPY shop_author (name) TO STDOUT") as copy:
            assert b"".join(copy) == b"Ann of b\nBob of b\n"
        refusal = "COPY FROM not supported with row-level security"
        with (
            pytest.raises(psycopg.errors.FeatureNotSupported, match=refusal),
            cursor.copy("COPY shop_author (id, name) FROM STDIN") as copy,
        ):
            copy.write_row((77, "copied"))
    assert (rows(world.a), rows(world.b)) == before


def test_no_tenant_carried_nothing_is_seen_and_nothing_written(world):
    before = rows(world.a), rows(world.b)
    with override_tenant(None):
        assert execute(AUTHORS) == []
        for sql in (
            "UPDATE tenantry_rows.shop_author SET name = 'x'",
            "DELETE FROM tenantry_rows.shop_book",
        ):
            with connection.cursor() as cursor:
                cursor.execute(sql)
                assert cursor.rowcount == 0
        with pytest.raises(DatabaseError):
            execute("INSERT INTO tenantry_rows.shop_author (name) VALUES ('x')")
    assert (rows(world.a), rows(world.b)) == before


INSERT = "INSERT INTO shop_author (id, name, tenantry_key)"
AS_ANOTHERS = (
    "UPDATE shop_author SET tenantry_key = '{b}'",
    f"{INSERT} VALUES (5, 'x', '{{b}}')",
    (
        f"{INSERT} VALUES ({ONE}, 'x', '{{b}}') ON CONFLICT (tenantry_key, id)"
        " DO UPDATE SET name = 'x'"
    ),
    (
        "MERGE INTO shop_author t USING (SELECT 1) s ON t.tenantry_key = '{b}' WHEN NOT"
        " MATCHED THEN INSERT (id, name, tenantry_key) VALUES (5, 'x', '{b}')"
    ),
)


@pytest.mark.parametrize("sql", AS_ANOTHERS)
def test_a_row_cannot_be_written_as_anothers(world, sql):
    before = rows(world.a), rows(world.b)
    with (
        override_tenant(world.a),
        pytest.raises(ProgrammingError, match="row-level security"),
    ):
        execute(sql.format(b=world.b.location))
    assert (rows(world.a), rows(world.b)) == before


def test_control_without_the_policy_all_rows_are_seen(world):
    """So it is the policy that keeps them apart, and it binds the owner too."""
    for within in (as_owner(), as_owner(False)):
        with within, override_tenant(world.a):
            assert execute(AUTHORS) == [("Ann of a",), ("Bob of a",)]
    with as_owner(), override_tenant(world.a), transaction.atomic():
        execute("ALTER TABLE shop_author NO FORCE ROW LEVEL SECURITY")
        assert {name for (name,) in execute(AUTHORS)} >= {"Ann of a", "Ann of b"}
        transaction.set_rollback(True)


def test_a_row_refers_to_rows_of_its_tenant_only(world):
    """The number of a row that another tenant has is no row's."""
    with override_tenant(world.b):
        other = Author.objects.create(name="only of b").pk
    with override_tenant(world.a):
        assert not Author.objects.filter(pk=other).exists()
        with pytest.raises(DatabaseError, match="foreign key"):
            Book.objects.create(title="x", author_id=other)


@pytest.mark.parametrize(
    "sql",
    [
        "ALTER TABLE shop_author NO FORCE ROW LEVEL SECURITY",
        "ALTER TABLE shop_author DISABLE ROW LEVEL SECURITY",
        "DROP POLICY tenantry ON shop_author",
        "TRUNCATE shop_author CASCADE",
        "CREATE INDEX x ON shop_author (name)",
        "CREATE FUNCTION tenantry.x() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DELETE FROM django_migrations",
        "DELETE FROM tenantry.migration_steps",
    ],
)
def test_the_role_that_serves_may_not(world, sql):
    with override_tenant(world.a), pytest.raises(ProgrammingError) as refusal:
        execute(sql)
    assert isinstance(refusal.value.__cause__, psycopg.errors.InsufficientPrivilege)


@pytest.fixture
def tables(world):
    """Make tables of models that tell apps apart by `isolate_apps`; drop them after."""
    made = []

    def make(*models):
        with as_owner(), override_tenant(world.a), connection.schema_editor() as editor:
            for model in models:
                editor.create_model(model)
                made.append(model)

    yield make
    with as_owner(), override_tenant(world.a), connection.schema_editor() as editor:
        for model in made:
            editor.delete_model(model)


@isolate_apps("tests.shop")
def test_two_keys_that_would_have_one_name_have_two(world, tables):
    class Item(models.Model):  # noqa: DJ008  (its table is all that is wanted)
        type_code = models.CharField(max_length=9, unique=True)

        class Meta:
            app_label = "shop"

    class ItemType(models.Model):  # noqa: DJ008  (its table is all that is wanted)
        code = models.CharField(max_length=9, unique=True)

        class Meta:
            app_label = "shop"
            db_table = "shop_item_type"

    tables(Item, ItemType)
    with override_tenant(world.a), connection.cursor() as cursor:
        for table, key in (
            ("shop_item", "shop_item_type_code_key"),
            ("shop_item_type", "shop_item_type_code_key1"),
        ):
            found = connection.introspection.get_constraints(cursor, table)
            assert found[key]["unique"]
            assert len(found[key]["columns"]) == 1


@isolate_apps("tests.shop")
def test_rows_that_refer_by_a_new_field_do_not_stop_the_next_change(world, tables):
    class Node(models.Model):  # noqa: DJ008  (its table is all that is wanted)
        class Meta:
            app_label = "shop"

    tables(Node)
    parent = models.ForeignKey(Node, models.CASCADE, null=True)
    parent.set_attributes_from_name("parent")
    with as_owner(), override_tenant(world.a):
        node = Node.objects.create()
        with connection.schema_editor() as editor:
            editor.add_field(Node, parent)
            editor.execute("UPDATE shop_node SET parent_id = %s", [node.pk])
            editor.add_index(Node, models.Index("id", name="shop_node_by_id"))
        assert execute("SELECT parent_id FROM shop_node") == [(node.pk,)]


RAW = {
    "unique index": "CREATE UNIQUE INDEX raw ON shop_tag (id)",
    "index": "CREATE INDEX IF NOT EXISTS raw ON shop_tag USING btree (name)",
    "constraint": "ALTER TABLE shop_tag ADD CONSTRAINT raw UNIQUE (id)",
    "quoted": 'ALTER TABLE ONLY "shop_tag" ADD CONSTRAINT "raw" UNIQUE ("id")',
    "foreign key": "ALTER TABLE shop_tag ADD COLUMN a bigint, ADD CONSTRAINT raw "
    "FOREIGN KEY (a) REFERENCES shop_author (id)",
}


@pytest.mark.parametrize("definition", RAW.values(), ids=RAW.keys())
def test_raw_definitions_of_keys_hold_within_the_tenant(world, definition):
    """Ids collide, so none of the unique ones could be made over all tenants' rows."""
    found = (
        "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'raw' "
        "UNION ALL SELECT indexdef FROM pg_indexes WHERE indexname = 'raw'"
    )
    with (
        as_owner(),
        override_tenant(world.a),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(definition)
        cursor.execute(found)
        made = [row[0] for row in cursor.fetchall()]
        assert made
        assert all("(tenantry_key, " in text for text in made)
        transaction.set_rollback(True)


@isolate_apps("tests.shop")
def test_what_a_text_begins_with_is_found_by_index(world, tables):
    class Item(models.Model):  # noqa: DJ008  (its table is all that is wanted)
        code = models.CharField(max_length=9, db_index=True)

        class Meta:
            app_label = "shop"

    tables(Item)
    found = "tenantry.tenant'::text, true)) AND ((code)::text ~>=~ 'ab'::text)"
    with (
        override_tenant(world.a),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL enable_seqscan = off")
        assert found in Item.objects.filter(code__startswith="ab").explain()
        # Control: as Django says it, the policy comes first.
        cursor.execute("EXPLAIN SELECT * FROM shop_item WHERE code LIKE 'ab%'")
        plan = "".join(row[0] for row in cursor.fetchall())
        assert "Index Cond: (tenantry_key = " in plan
        assert "~>=~" not in plan


def test_what_a_text_begins_with_is_what_like_says(world):
    names = ["100%", "100 %", "1_0", "1x0", "a\\b", "ab", "Ab", "'", "é", "", "x" * 40]
    with override_tenant(world.a), transaction.atomic():
        Author.objects.bulk_create(Author(name=name) for name in names)
        for wanted in ["100%", "1_", "a\\", "a", "'", "é", "", "x" * 39]:
            asked = Author.objects.filter(name__startswith=wanted)
            assert "^@" in str(asked.query)
            assert set(asked) == {
                each for each in Author.objects.all() if each.name.startswith(wanted)
            }
            others = Author.objects.exclude(name__startswith=wanted)
            assert others.count() == Author.objects.count() - asked.count()
        begins = Author.objects.filter(name__startswith=models.F("name"))
        assert begins.count() == Author.objects.count()
        assert Author.objects.filter(pk__startswith=str(ONE)[:3]).exists()
        assert Author.objects.filter(name__istartswith="A").count() > 2
        transaction.set_rollback(True)


@pytest.mark.parametrize("act", [as_owner, nullcontext], ids=["owner", "serving"])
@pytest.mark.parametrize("inside", [True, False], ids=["tenant", "none"])
def test_no_row_bears_the_mark_of_nobody(world, act, inside):
    """A statement of no tenant carries '' and would see such a row."""
    insert = "INSERT INTO tenantry_rows.shop_tag (tenantry_key, name) VALUES ('', 'x')"
    with act(), override_tenant(world.a if inside else None):
        for statement in (
            insert,
            "UPDATE tenantry_rows.shop_tag SET tenantry_key = ''",
        ):
            try:
                with transaction.atomic():
                    execute(statement)
            except DatabaseError as error:
                assert "row-level security" in str(error)  # noqa: PT017
            else:
                assert not inside
                assert statement != insert
        assert (
            execute("SELECT 1 FROM tenantry_rows.shop_tag WHERE tenantry_key = ''")
            == []
        )


def test_control_without_the_check_somebody_could_mark_a_row_as_nobodys(world):
    with as_owner(), transaction.atomic():
        execute("ALTER POLICY tenantry ON tenantry_rows.shop_tag WITH CHECK (true)")
        execute(
            "INSERT INTO tenantry_rows.shop_tag (tenantry_key, name) VALUES ('', 'x')"
        )
        assert execute("SELECT name FROM tenantry_rows.shop_tag") == [("x",)]
        transaction.set_rollback(True)
