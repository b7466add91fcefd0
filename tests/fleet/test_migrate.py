"""`tenants migrate` does for each tenant what Django's `migrate` does for a project."""

import json

import pytest

from tests.fleet.conftest import KEYS
from tests.lifecycle import acts
from tests.lifecycle.test_template import catalogue_of
from tests.projects import SQLITE

ADD_SIZE = """
migrations.AddField("gadget", "size", models.IntegerField(default=7, db_index=True)),
"""
FILL = """
def fill(apps, schema_editor):
    for gadget in apps.get_model("gadgets", "Gadget").objects.all():
        gadget.name = f"{gadget.name} of {get_tenant()}"
        gadget.save()

def clear(apps, schema_editor):
    for gadget in apps.get_model("gadgets", "Gadget").objects.all():
        gadget.name = gadget.name.partition(" ")[0]
        gadget.save()
"""
FAIL_FOR_ONE = """
def fail(apps, schema_editor):
    if get_tenant().key == "eu-one":
        raise ValueError("no gadgets today")
"""
DIE_FOR_ONE = """
import os, signal

def die(apps, schema_editor):
    if get_tenant().key == "eu-two":
        os.kill(os.getpid(), signal.SIGKILL)
"""
RUN_FILL = "migrations.RunPython(fill, clear),"
WIDGET = """
migrations.CreateModel(
    "Widget",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("gadget", models.ForeignKey("gadgets.Gadget", models.CASCADE)),
    ],
),
"""
EVERY_SORT = """
migrations.AddField("widget", "tags", models.ManyToManyField("gadgets.Gadget", related_name="+")),
migrations.RenameField("gadget", "name", "title"),
migrations.AlterField("gadget", "title", models.CharField(max_length=99, unique=True)),
migrations.AddField("widget", "next", models.ForeignKey("self", models.SET_NULL, null=True)),
migrations.AddIndex("widget", models.Index(fields=["gadget", "next"], name="widget_both")),
migrations.AddConstraint(
    "gadget",
    models.CheckConstraint(condition=~models.Q(title=""), name="gadget_has_title"),
),
migrations.RunSQL("UPDATE gadgets_gadget SET title = title || '%'", "SELECT 1"),
migrations.AlterModelTable("widget", "widgets"),
"""  # noqa: E501
NOW = ["0001_initial", "0002_size"]


def test_all_are_brought_up_to_date(fleet):
    fleet.write("0002_size", ADD_SIZE + RUN_FILL, FILL)
    ended = fleet.migrate().ok()
    assert "4 tenants: 0 were up to date, 4 migrated." in ended.out
    for key, seen in fleet.look().items():
        assert seen["rows"] == [[1, f"one of {key}", 7], [2, f"{key} of {key}", 7]]
        assert seen["migrations"] == NOW
    again = fleet.migrate().ok()
    assert "4 tenants: 4 were up to date, 0 migrated." in again.out
    assert "4 active and current" in fleet.manage("tenants", "status").ok().out


def test_jobs_share_the_tenants_out(fleet):
    fleet.write("0002_size", ADD_SIZE + RUN_FILL, FILL)
    told = json.loads(fleet.migrate("--jobs", "2", "--format", "json").ok().out)
    assert (told["done"], told["failed"]) == (4, 0)
    assert sorted(step["key"] for step in told["tenants"]) == list(KEYS)
    for key, seen in fleet.look().items():
        assert seen["rows"] == [[1, f"one of {key}", 7], [2, f"{key} of {key}", 7]]


def test_it_equals_plain_migrating(fleet):
    fleet.write("0002_size", ADD_SIZE + RUN_FILL, FILL)
    fleet.write("0003_widget", WIDGET, after="0002_size")
    fleet.write("0004_every_sort", EVERY_SORT, after="0003_widget")
    fleet.migrate("--only", "acme,eu-one", "--jobs", "2").ok()
    fleet.manage("tenants", "run", "--only", "globex", "--", "migrate", "-v0").ok()
    ours, plain = (catalogue_of(fleet, key) for key in ("acme", "globex"))
    assert ours == plain
    assert catalogue_of(fleet, "eu-one") == plain
    seen = fleet.look()
    assert seen["acme"]["columns"] == seen["globex"]["columns"]
    assert seen["acme"]["migrations"] == seen["globex"]["migrations"]
    for one, other in zip(seen["acme"]["rows"], seen["globex"]["rows"], strict=True):
        assert [str(value).replace("acme", "globex") for value in one] == [
            str(value) for value in other
        ]
    assert fleet.call(known_models, "acme") == fleet.call(known_models, "globex")


def known_models(key):
    """Return the content types and permissions of the app."""
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant

    with override_tenant(key):
        types = ContentType.objects.filter(app_label="gadgets").order_by("model")
        codes = Permission.objects.filter(content_type__in=types).order_by("codename")
        return [
            list(types.values_list("model", flat=True)),
            list(codes.values_list("codename", flat=True)),
        ]


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_that_fails_stops_no_other(fleet, jobs):
    fleet.write("0002_size", ADD_SIZE + "migrations.RunPython(fail),", FAIL_FOR_ONE)
    ended = fleet.migrate("--jobs", jobs)
    assert ended.status == 1
    assert "eu-one: FAILED: ValueError: no gadgets today" in ended.out
    assert "migrate: 1 of 4 tenants failed." in ended.err
    assert "manage.py tenants migrate --only eu-one" in ended.err
    assert "Traceback" not in ended.err
    seen = fleet.look()
    assert seen.pop("eu-one")["columns"] == ["id", "name"]
    assert all(each["migrations"] == NOW for each in seen.values())
    status = fleet.manage("tenants", "status").ok().out
    assert "3 active and current" in status
    assert "eu-one" in status
    fleet.write("0002_size", ADD_SIZE)
    mended = fleet.migrate("--only", "eu-one").ok()
    assert "1 migrated" in mended.out
    assert fleet.look()["eu-one"]["migrations"] == NOW


def test_the_first_one_that_fails_stops_no_other_either(fleet):
    fleet.write(
        "0002_size",
        "migrations.RunPython(fail),",
        FAIL_FOR_ONE.replace("eu-one", "acme"),
    )
    assert fleet.migrate().status == 1
    seen = fleet.look()
    assert seen.pop("acme")["migrations"] == ["0001_initial"]
    assert all(each["migrations"] == NOW for each in seen.values())


def test_one_whose_database_is_gone_stops_no_other(fleet):
    fleet.write("0002_size", ADD_SIZE)
    fleet.call(lose, "eu-two")
    ended = fleet.migrate()
    assert ended.status == 1
    assert "eu-two" in ended.err
    assert "3 migrated" in ended.out
    assert "Traceback" not in ended.err
    assert "eu-two" in fleet.manage("tenants", "status").ok().out


def lose(key):
    """Remove a tenant's data behind our back."""
    from tenantry.isolation import isolations

    isolation = isolations["default"]
    isolation.destroy(isolation.ref(key=key))


def test_killed_midway_it_goes_on(fleet):
    fleet.write("0002_size", ADD_SIZE + "migrations.RunPython(die),", DIE_FOR_ONE)
    assert fleet.migrate().killed
    before = fleet.look()
    assert before["acme"]["migrations"] == NOW
    assert before["eu-two"]["columns"] == ["id", "name"]
    fleet.write("0002_size", ADD_SIZE)
    assert "2 were up to date, 2 migrated" in fleet.migrate().ok().out
    for seen in fleet.look().values():
        assert seen["columns"] == ["id", "name", "size"]


def test_what_is_not_atomic_keeps_what_it_did(fleet):
    fleet.write(
        "0002_size",
        ADD_SIZE + "migrations.RunPython(fail),",
        FAIL_FOR_ONE,
        atomic=False,
    )
    assert fleet.migrate().status == 1
    seen = fleet.look()["eu-one"]
    assert seen["columns"] == ["id", "name", "size"]
    assert seen["migrations"] == ["0001_initial"]
    assert fleet.look()["globex"]["migrations"] == NOW


def test_an_index_is_made_concurrently(fleet):
    if fleet.isolation == SQLITE:
        pytest.skip("PostgreSQL's own")
    fleet.write(
        "0002_size",
        "ops.AddIndexConcurrently('gadget', models.Index('name', name='by_name')),",
        "from django.contrib.postgres import operations as ops",
        atomic=False,
    )
    fleet.migrate("--jobs", "2").ok()
    for key in KEYS:
        assert "INDEX by_name ON" in catalogue_of(fleet, key)
    fleet.migrate("gadgets", "0001").ok()
    for key in KEYS:
        assert "by_name" not in catalogue_of(fleet, key)


def test_backwards(fleet):
    before = fleet.look()
    fleet.write("0002_size", ADD_SIZE + RUN_FILL, FILL)
    fleet.write("0003_widget", WIDGET, after="0002_size")
    fleet.migrate().ok()
    ended = fleet.migrate("gadgets", "0001", "--jobs", "2").ok()
    assert "4 migrated" in ended.out
    assert fleet.look() == before
    fleet.migrate("gadgets", "zero").ok()
    for seen in fleet.look().values():
        assert seen == {"columns": None, "rows": None, "migrations": []}
    fleet.migrate().ok()
    assert fleet.look()["acme"]["columns"] == ["id", "name", "size"]


def test_what_cannot_be_reversed_is_refused_before_anything_is_touched(fleet):
    fleet.write("0002_size", ADD_SIZE + "migrations.RunPython(fill),", FILL)
    fleet.migrate().ok()
    before = fleet.look()
    ended = fleet.migrate("gadgets", "0001")
    assert ended.status == 1
    assert "not reversible" in ended.err
    assert "4 of 4 tenants failed" in ended.err
    assert fleet.look() == before


def test_faked_it_is_recorded_and_not_run(fleet):
    fleet.write("0002_size", ADD_SIZE)
    fleet.migrate("--fake").ok()
    for seen in fleet.look().values():
        assert (seen["columns"], seen["migrations"]) == (["id", "name"], NOW)
    fleet.migrate("gadgets", "0001", "--fake").ok()
    fleet.migrate().ok()
    assert fleet.look()["acme"]["columns"] == ["id", "name", "size"]


def test_to_a_migration_by_name(fleet):
    fleet.write("0002_size", ADD_SIZE)
    fleet.write("0003_widget", WIDGET, after="0002_size")
    fleet.migrate("gadgets", "0002").ok()
    assert fleet.look()["acme"]["migrations"] == NOW
    fleet.migrate("gadgets").ok()
    assert fleet.look()["acme"]["migrations"] == [*NOW, "0003_widget"]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["nonsense"], "nonsense"),
        (["gadgets", "0009"], "'0009'"),
        (["gadgets", "000"], "'000'"),
        (["staticfiles"], "staticfiles"),
    ],
)
def test_what_is_not_there_is_told(fleet, argv, said):
    fleet.write("0002_size", ADD_SIZE)
    ended = fleet.migrate(*argv)
    assert ended.status == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert fleet.look()["acme"]["migrations"] == ["0001_initial"]


def test_planned_it_is_shown_and_nothing_is_done(fleet):
    fleet.write("0002_size", ADD_SIZE)
    told = json.loads(fleet.migrate("--plan", "--format", "json").ok().out)
    (row,) = told
    assert (row["tenants"], row["migration"]) == (4, "gadgets.0002_size")
    assert "size" in row["operation"]
    assert fleet.look()["acme"]["migrations"] == ["0001_initial"]


def test_tenants_in_different_states_are_all_brought_up(fleet):
    fleet.write("0002_size", ADD_SIZE + RUN_FILL, FILL)
    fleet.migrate("--only", "eu-*").ok()
    fleet.write("0003_widget", WIDGET, after="0002_size")
    fleet.migrate("--only", "eu-one").ok()
    told = json.loads(fleet.migrate("--plan", "--format", "json").ok().out)
    assert {row["tenants"] for row in told} == {1, 2}
    said = fleet.migrate("--jobs", "2").ok().out
    assert "4 tenants: 1 were up to date, 3 migrated." in said
    for key, seen in fleet.look().items():
        assert seen["migrations"] == [*NOW, "0003_widget"]
        assert seen["rows"][0] == [1, f"one of {key}", 7]


def test_one_with_an_inconsistent_history_stops_no_other(fleet):
    fleet.write("0002_size", ADD_SIZE)
    fleet.call(forget_first, "eu-one")
    ended = fleet.migrate()
    assert ended.status == 1
    assert "3 migrated" in ended.out
    assert "eu-one" in ended.err
    assert "InconsistentMigrationHistory" in ended.err


def forget_first(key):
    """Break a tenant's history."""
    from django.db.migrations.recorder import MigrationRecorder

    from tenantry import override_tenant

    with override_tenant(key):
        rows = MigrationRecorder.Migration.objects
        rows.filter(app="gadgets", name="0001_initial").delete()
        rows.create(app="gadgets", name="0002_size")


def test_squashed(fleet):
    """Of those that have all that is replaced it is recorded; new ones run it."""
    fleet.write("0002_size", ADD_SIZE)
    fleet.migrate("--exclude", "globex").ok()
    replaces = [("gadgets", name) for name in NOW]
    fleet.write(
        "0001_squashed_0002_size",
        INITIAL_AND_SIZE,
        after=None,
        replaces=replaces,
    )
    fleet.migrate().ok()
    squashed = sorted([*NOW, "0001_squashed_0002_size"])
    for seen in fleet.look().values():
        assert seen["migrations"] == squashed
        assert seen["columns"] == ["id", "name", "size"]
    fleet.call(acts.provision, "fresh")
    fresh = fleet.look()["fresh"]
    assert fresh["columns"] == ["id", "name", "size"]
    fleet.remove("0001_initial")
    fleet.remove("0002_size")
    fleet.write("0001_squashed_0002_size", INITIAL_AND_SIZE, after=None)
    assert "5 were up to date" in fleet.migrate().ok().out


INITIAL_AND_SIZE = """
migrations.CreateModel(
    "Gadget",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
        ("size", models.IntegerField(default=7, db_index=True)),
    ],
),
"""


def test_djangos_migrate_says_how_many_are_behind(fleet):
    assert "behind" not in fleet.manage("migrate").ok().out
    fleet.write("0002_size", ADD_SIZE)
    fleet.migrate("--only", "acme").ok()
    said = fleet.manage("migrate").ok().out
    assert "3 of 4 tenants are behind" in said
    assert "manage.py tenants migrate" in said
    assert "behind" not in fleet.manage("migrate", "-v0").ok().out
    assert fleet.look()["globex"]["migrations"] == ["0001_initial"]


RENAME = """
migrations.RenameModel("Gadget", "Gizmo"),
"""


def test_a_renamed_model_keeps_its_content_type(fleet):
    """Or what refers to it generically, and its permissions, would be lost."""
    fleet.write("0002_rename", RENAME)
    before = fleet.call(type_of, "acme", "gadget")
    assert before
    fleet.migrate("--only", "acme,eu-one").ok()
    fleet.manage("tenants", "run", "--only", "globex", "--", "migrate", "-v0").ok()
    for key in ("acme", "eu-one", "globex"):
        assert fleet.call(type_of, key, "gizmo") == before
        assert fleet.call(type_of, key, "gadget") is None
    fleet.migrate("gadgets", "0001", "--only", "acme,globex").ok()
    assert fleet.call(type_of, "acme", "gadget") == before
    assert fleet.call(type_of, "acme", "gizmo") is None


def type_of(key, name):
    """Return the id of a content type."""
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant

    with override_tenant(key):
        found = ContentType.objects.filter(app_label="gadgets", model=name).first()
        return found and found.pk


def test_merged_branches(fleet):
    """A migration without operations may be the first that is to be applied."""
    fleet.write("0002_size", ADD_SIZE)
    fleet.write("0002_other", RUN_FILL, FILL)
    fleet.migrate("gadgets", "0002_size").ok()
    fleet.migrate("gadgets", "0002_other").ok()
    both = [("gadgets", "0002_size"), ("gadgets", "0002_other")]
    fleet.write("0003_merge", "", dependencies=both)
    fleet.write("0004_widget", WIDGET, after="0003_merge")
    fleet.migrate("--jobs", "2").ok()
    assert fleet.look()["globex"]["migrations"][-2:] == ["0003_merge", "0004_widget"]
    assert fleet.call(known_models, "globex")[0] == ["gadget", "widget"]


def migrate_and_listen(*argv):
    """Return for which tenants, and with what, signals were sent."""
    from django.core.management import call_command
    from django.db.models.signals import post_migrate, pre_migrate

    from tenantry.signals import tenant_migrated

    heard = []

    def listen(name):
        def receiver(sender, **sent):
            if name == "migrated":
                heard.append([name, sent["ref"].key, len(sent["plan"])])
            elif sent["app_config"].label == "gadgets":
                heard.append([name, sent["using"], len(sent["plan"])])

        return receiver

    receivers = [
        (pre_migrate, listen("pre")),
        (post_migrate, listen("post")),
        (tenant_migrated, listen("migrated")),
    ]
    for signal, receiver in receivers:
        signal.connect(receiver)
    call_command("tenants", "migrate", "--no-shared", *argv)
    return heard


def test_signals_are_sent_where_models_change(fleet):
    fleet.write("0002_size", ADD_SIZE)
    assert fleet.call(migrate_and_listen) == [["migrated", key, 1] for key in KEYS]
    fleet.write("0003_widget", WIDGET, after="0002_size")
    heard = fleet.call(migrate_and_listen, "--only", "acme")
    assert heard == [
        ["pre", "tenant:acme", 1],
        ["post", "tenant:acme", 1],
        ["migrated", "acme", 1],
    ]
    models, codes = fleet.call(known_models, "acme")
    assert models == ["gadget", "widget"]
    assert "add_widget" in codes
    assert fleet.call(known_models, "globex")[0] == ["gadget"]


def test_a_migration_sees_the_tenants_rows_only(fleet):
    code = """
def count(apps, schema_editor):
    rows = apps.get_model("gadgets", "Gadget").objects
    assert rows.using(schema_editor.connection.alias).count() == 2
    assert rows.using("default").count() == 2
    assert rows.get(pk=2).name == get_tenant().key
    rows.create(name="made")
"""
    fleet.write("0002_size", "migrations.RunPython(count),", code)
    fleet.migrate("--jobs", "2").ok()
    for key, seen in fleet.look().items():
        assert seen["rows"] == [[1, "one"], [2, key], [3, "made"]]
