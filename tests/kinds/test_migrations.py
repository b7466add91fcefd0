"""An app added to a kind, or taken from it, is migrated in exactly its tenants."""

import json
from contextlib import ExitStack

import pytest

from tests.kinds.conftest import ALL
from tests.settings import base

pytestmark = pytest.mark.postgres
OF_DEFAULT = [key for key, (_, kind) in ALL.items() if kind == "default"]
OTHERS = [key for key in ALL if key not in OF_DEFAULT]
INITIAL, SIZE, COLOUR = "0001_initial", "0002_size", "0003_colour"
USERS = ["auth", "contenttypes", "gadgets", "sessions"]
ADD = """
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("gadgets", "{after}")]
    operations = [
        migrations.AddField("gadget", "{name}", models.IntegerField(default=7)),
    ]
"""
SQUASHED = """
from django.db import migrations, models

class Migration(migrations.Migration):
    replaces = [("gadgets", "0001_initial"), ("gadgets", "0002_size")]
    dependencies = [("auth", "0012_alter_user_first_name_max_length")]
    operations = [
        migrations.CreateModel("Gadget", [
            ("id", models.BigAutoField(primary_key=True)),
            ("name", models.CharField(max_length=20)),
            ("user_id", models.IntegerField(null=True)),
            ("size", models.IntegerField(default=7)),
        ]),
    ]
"""


def look():
    """Return columns of gadgets, and what is recorded, in each place."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    from tenantry import override_tenant

    found = {}
    for key in (None, *ALL):
        with override_tenant(key), connection.cursor() as cursor:
            columns = None
            if "gadgets_gadget" in connection.introspection.table_names(cursor):
                described = connection.introspection.get_table_description(
                    cursor, "gadgets_gadget"
                )
                columns = [column.name for column in described]
            records = MigrationRecorder(connection).migration_qs
            apps = sorted(records.values_list("app", flat=True).distinct())
            names = records.filter(app="gadgets").values_list("name", flat=True)
            found[str(key)] = {"columns": columns, "apps": apps, "names": sorted(names)}
    return found


def gadgets(found):
    """Return recorded migrations of `gadgets` by tenant."""
    return {key: seen["names"] for key, seen in found.items() if key != "None"}


def have_all(*names):
    """Return what `gadgets` returns where each tenant has recorded these."""
    return {key: list(names) for key in ALL}


def test_each_place_records_the_migrations_of_its_own_apps(world):
    found = world.call(look)
    assert found.pop("None")["apps"] == [
        "auth",
        "contenttypes",
        "customers",
        "geo",
        "sessions",
        "tenantry",
    ]
    for key, seen in found.items():
        assert (
            seen["apps"]
            == {
                "default": ["admin", "auth", "contenttypes", "sessions", "shop"],
                "blog": ["auth", "contenttypes", "gadgets", "sessions"],
                "board": ["gadgets"],
            }[ALL[key][1]]
        )


def pending(*, keep_seam=True):
    """Return the apps that Django plans to migrate, in each place."""
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor
    from django.db.migrations.recorder import MigrationRecorder

    from tenantry import override_tenant
    from tests.world import without_seam

    found = {}
    with ExitStack() as stack:
        if not keep_seam:
            stack.enter_context(without_seam(MigrationRecorder, "applied_migrations"))
        for key in (None, *ALL):
            with override_tenant(key):
                executor = MigrationExecutor(connection)
                plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
                found[str(key)] = sorted({each.app_label for each, _ in plan})
    return found


def test_what_other_places_have_counts_as_applied(world):
    assert set(map(str, world.call(pending).values())) == {"[]"}


def test_without_the_seam_it_would_be_applied_again(world):
    found = world.call(pending, keep_seam=False)
    assert found["None"] == ["admin", "gadgets", "shop"]
    assert found["hq"] == [
        "admin",
        "auth",
        "contenttypes",
        "customers",
        "geo",
        "sessions",
        "shop",
        "tenantry",
    ]


def known_models(key):
    """Return the content types and permissions of the app in a tenant."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant

    with override_tenant(key):
        types = ContentType.objects.filter(app_label="gadgets")
        return [
            types.count(),
            Permission.objects.filter(content_type__in=types).count(),
        ]


def left_over(key, *, keep_seam=True):
    """Use what a tenant has left of an app: rows, model, a join to its table."""
    from django.db import connection
    from django.db.models.sql.compiler import SQLCompiler
    from gadgets.models import Gadget

    from tenantry import override_tenant
    from tests.kinds.test_guards import told
    from tests.shop.models import Note
    from tests.world import without_seam

    with override_tenant(key), connection.cursor() as cursor, ExitStack() as stack:
        if not keep_seam:
            stack.enter_context(without_seam(SQLCompiler, "get_from_clause"))
        cursor.execute("SELECT count(*) FROM gadgets_gadget")
        return {
            "rows": cursor.fetchone()[0],
            "model": told(Gadget.objects.count),
            "join": told(lambda: Note.objects.filter(gadgets__name="left").count()),
        }


def leave(key):
    """Make a gadget with a note in a tenant."""
    from gadgets.models import Gadget

    from tenantry import override_tenant

    with override_tenant(key):
        Gadget.objects.create(name="left").notes.create(text="left")


@pytest.fixture
def default_apps(world):
    """Change the apps of kind `default`; put them back afterwards."""

    def change(*more):
        world.set(TENANT_APPS=[*base.tenantry("")["TENANT_APPS"], *more])

    yield change
    change()


def migrate(world):
    """Run `tenants migrate`; return the keys of those that had something to do."""
    told = json.loads(world.manage("tenants", "migrate", "--format", "json").ok().out)
    return sorted(step["key"] for step in told["tenants"])


def test_an_app_comes_to_a_kind_goes_and_comes_back(world, default_apps):
    for key in OF_DEFAULT:
        assert world.call(known_models, key) == [0, 0]

    default_apps("gadgets")
    status = world.manage("tenants", "status", "--format", "json").ok().out
    behind = [r["key"] for r in json.loads(status) if r["migrations to apply"] != "0"]
    assert sorted(behind) == sorted(OF_DEFAULT)
    assert migrate(world) == sorted(OF_DEFAULT)
    assert gadgets(world.call(look)) == have_all(INITIAL)
    for key in OF_DEFAULT:
        assert world.call(known_models, key) == [1, 4]
        world.call(leave, key)

    world.write(SIZE, ADD.format(after=INITIAL, name="size"))
    assert migrate(world) == sorted(ALL)
    assert gadgets(world.call(look)) == have_all(INITIAL, SIZE)

    default_apps()
    world.write(COLOUR, ADD.format(after=SIZE, name="colour"))
    assert migrate(world) == sorted(OTHERS)
    found = world.call(look)
    for key in OF_DEFAULT:
        assert found[key]["names"] == [INITIAL, SIZE]
        assert found[key]["columns"] == ["id", "name", "user_id", "size"]
        refused = {"rows": 1, "model": "NotInKind", "join": "NotInKind"}
        assert world.call(left_over, key) == refused
        assert world.call(left_over, key, keep_seam=False) == {**refused, "join": 1}
    for key in OTHERS:
        assert found[key]["names"] == [INITIAL, SIZE, COLOUR]
    assert "gadgets" not in found["None"]["apps"]

    default_apps("gadgets")
    assert migrate(world) == sorted(OF_DEFAULT)
    assert gadgets(world.call(look)) == have_all(INITIAL, SIZE, COLOUR)
    assert migrate(world) == []


def test_named_or_squashed_they_are_those_of_the_kind_too(world, default_apps):
    """Run after the test above: all three migrations are there."""
    back = world.manage("tenants", "migrate", "gadgets", "0002", "--kind", "blog").ok()
    assert "0 were up to date" in back.out
    before = world.call(look)
    for key, names in gadgets(before).items():
        if key in OTHERS:
            assert (COLOUR in names) == (ALL[key][1] == "board")
    world.manage("tenants", "migrate", "gadgets", "0001").ok()
    found = world.call(look)
    for key in OF_DEFAULT:
        assert found[key] == before[key]
    for key in OTHERS:
        assert found[key]["names"] == [INITIAL]
    assert set(migrate(world)) == set(OTHERS)
    world.write("0001_squashed_0002_size", SQUASHED)
    try:
        assert set(migrate(world)) == set(OTHERS)
        assert migrate(world) == []
        assert set(map(str, world.call(pending).values())) == {"[]"}
    finally:
        path = world.folder / "gadgets" / "migrations" / "0001_squashed_0002_size.py"
        path.unlink()
    world.manage("migrate", "-v0").ok()


def test_an_app_that_others_depend_on_comes_as_the_docs_say(world):
    """`gadgets` depends on `auth`, which `board` shares until now."""
    of_board = sorted(key for key in ALL if ALL[key][1] == "board")
    kinds = world.settings["TENANTRY"]["KINDS"]
    with_users = {**kinds, "board": {**kinds["board"], "TENANT_APPS": USERS}}
    try:
        world.set(KINDS=with_users)
        refused = world.manage("tenants", "migrate")
        assert refused.status == 1
        assert f"{len(of_board)} of {len(of_board)} tenants failed" in refused.err
        assert "InconsistentMigrationHistory" in refused.err

        world.set(KINDS=kinds)
        argv = ("tenants", "migrate", "--kind", "board")
        world.manage(*argv, "gadgets", "zero", "--fake").ok()
        world.set(KINDS=with_users)
        world.manage(*argv, "auth").ok()
        world.manage(*argv, "gadgets", "--fake").ok()
        assert migrate(world) == of_board  # sessions
        found = world.call(look)
        for key in of_board:
            assert found[key]["apps"] == USERS
        assert world.call(users_of, of_board) == [
            ["None", 1],
            *([k, 0] for k in of_board),
        ]
    finally:
        world.set(KINDS=kinds)
    assert migrate(world) == []


def users_of(keys):
    """Return how many users the shared site and the tenants have."""
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    found = []
    for key in (None, *keys):
        with override_tenant(key):
            found.append([str(key), User.objects.count()])
    return found


def test_a_new_tenant_has_what_its_kind_has(world):
    for kind, apps in (("board", ["gadgets"]), ("default", ["shop"])):
        world.manage("tenants", "create", f"new-{kind}", "--kind", kind).ok()
        assert world.call(app_tables, f"new-{kind}") == apps
        world.manage("tenants", "drop", f"new-{kind}", "--no-input").ok()


def app_tables(key):
    """Return which of the apps `gadgets` and `shop` have tables in a tenant."""
    from django.db import connection

    from tenantry import override_tenant

    with override_tenant(key), connection.cursor() as cursor:
        tables = connection.introspection.table_names(cursor)
    return sorted({name.partition("_")[0] for name in tables} & {"gadgets", "shop"})
