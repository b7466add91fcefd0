"""`tenants migrate` of row tenants: tables once, and rows once for each tenant."""

import os
import random
import signal

import pytest

from tests.fleet.test_migrate import INITIAL_AND_SIZE, WIDGET
from tests.lifecycle import acts
from tests.projects import PROVE, Barrier, wait_at
from tests.rows.conftest import EVERYBODY, query

NOW = ["0001_initial", "0002_size"]
COUNT = """
from django.db.models import F

def count(apps, schema_editor):
    gadgets = apps.get_model("gadgets", "Gadget").objects
    gadgets.update(size=F("size") + 1)
    {0}

def uncount(apps, schema_editor):
    apps.get_model("gadgets", "Gadget").objects.update(size=F("size") - 1)
"""
# Done in order and once, the size is 10; in another order 1, not at all 0, twice more.
DATA = """
migrations.AddField("gadget", "size", models.IntegerField(default=0)),
migrations.RunPython(count, uncount),
migrations.RunSQL(
    "UPDATE gadgets_gadget SET size = size * 10",
    "UPDATE gadgets_gadget SET size = size / 10",
),
migrations.AlterField(
    "gadget", "size", models.BigIntegerField(default=0, db_index=True)
),
"""
FAIL = """
    if get_tenant().key == "eu-one":
        raise ValueError("no gadgets today")
"""
SEED = """
def seed(apps, schema_editor):
    apps.get_model("gadgets", "Gadget").objects.create(name=f"seed {get_tenant()}")

def unseed(apps, schema_editor):
    apps.get_model("gadgets", "Gadget").objects.filter(name__startswith="seed").delete()
"""


TYPES = "SELECT id, model FROM django_content_type WHERE app_label = 'gadgets'"
MODELS = """
SELECT model, count(p.id) FROM django_content_type t
LEFT JOIN auth_permission p ON p.content_type_id = t.id
WHERE app_label = 'gadgets' GROUP BY model ORDER BY model
"""


def sizes(fleet):
    """Return the sizes of each tenant's gadgets."""
    return {key: [row[2] for row in seen["rows"]] for key, seen in fleet.look().items()}


def notes(fleet):
    """Return what is noted of migrations half-way."""
    return fleet.execute("SELECT * FROM tenantry.migration_steps", fleet.name)


def is_done(fleet, *, more=()):
    """Hold the tenants against what the migration with data must have done."""
    assert sizes(fleet) == {key: [10, 10] for key in (*EVERYBODY, *more)}
    for seen in fleet.look().values():
        assert seen["columns"] == ["id", "name", "size"]
        assert seen["migrations"] == NOW
    indexes = fleet.execute(
        "SELECT indexdef FROM pg_indexes WHERE indexdef ~ 'gadget.*size'", fleet.name
    )
    assert len(indexes) == 1
    assert "(tenantry_key, size)" in indexes[0][0]
    assert notes(fleet) == []


def write_data(fleet, more="", **options):
    fleet.write("0002_size", DATA, COUNT.format(more or "pass"), **options)


@pytest.mark.parametrize(
    ("options", "atomic"), [((), True), (("--jobs", "2"), True), ((), False)]
)
def test_tables_are_migrated_once_and_rows_for_each(fleet, options, atomic):
    write_data(fleet, atomic=atomic)
    ended = fleet.migrate(*options).ok()
    assert "3 tenants: 0 were up to date, 3 migrated." in ended.out
    is_done(fleet)
    assert "3 were up to date, 0 migrated" in fleet.migrate().ok().out
    fleet.migrate("gadgets", "0001", *options).ok()
    assert [*fleet.look()["globex"]["columns"]] == ["id", "name"]
    fleet.migrate(*options).ok()
    is_done(fleet)


def test_a_tenant_made_between_two_migrations_has_both(fleet):
    write_data(fleet)
    fleet.migrate().ok()
    fleet.call(acts.provision, "fresh")
    fleet.write("0003_seed", "migrations.RunPython(seed, unseed),", SEED, after=NOW[1])
    fleet.migrate().ok()
    seen = fleet.look()
    for key in (*EVERYBODY, "fresh"):
        assert [row[1] for row in seen[key]["rows"]][-1] == f"seed {key}"
    fleet.call(acts.provision, "later")
    assert [row[1:] for row in fleet.look()["later"]["rows"]] == [["seed ~template", 0]]
    fleet.manage("tenants", "create", "--resume", "half").ok()
    # What had been seeded for it is made anew, from the template.
    assert len(fleet.look()["half"]["rows"]) == 1


def empty_template():
    """Remove the template's rows, as where tables were adopted it has none."""
    from tenantry.isolation import isolations

    isolation = isolations["default"]
    isolation.destroy(isolation.template_ref(""))


def test_a_template_that_is_yet_to_be_made_is_made_whole(fleet):
    fleet.call(empty_template)
    seed = "migrations.RunPython(seed, unseed),"
    fleet.write("0002_seed", seed + WIDGET, SEED)
    fleet.migrate().ok()
    assert [row[1] for row in fleet.look()["acme"]["rows"]][-1] == "seed acme"
    fleet.call(acts.provision, "fresh")
    assert [row[1] for row in fleet.look()["fresh"]["rows"]] == ["seed ~fresh"]
    assert fleet.call(query, "fresh", MODELS) == fleet.call(query, "acme", MODELS)
    count = "SELECT count(*) FROM auth_permission"
    assert fleet.call(query, "fresh", count) == fleet.call(query, "acme", count)


# --- Interrupted.


class Dying:
    """Counts the statements of this process, and is killed before one of them."""

    def __init__(self, number):
        self.left = number
        self.seen = 0

    def __call__(self, execute, *args):
        self.seen += 1
        if self.seen == self.left:
            os.kill(os.getpid(), signal.SIGKILL)
        return execute(*args)


def migrate_and_die(number, *argv):
    """Be killed before that statement; return how many there were, if never."""
    from django.core.management import call_command
    from django.db.backends.utils import CursorWrapper

    dying = Dying(number)
    real = CursorWrapper._execute_with_wrappers

    def execute(self, *args, **kwargs):
        return dying(lambda: real(self, *args, **kwargs))

    CursorWrapper._execute_with_wrappers = execute
    call_command("tenants", "migrate", "--no-shared", *argv)
    return dying.seen


@pytest.fixture(scope="session")
def statements(origin, copied):
    """How many statements the migration takes, with the signals of a new model."""
    copied.restore(origin)
    copied.begin()
    write_killed(copied)
    return copied.call(migrate_and_die, 0)


def write_killed(fleet):
    write_data(fleet)
    fleet.write("0003_widget", WIDGET, after="0002_size")


@pytest.mark.parametrize("part", range(60 if PROVE else 4))
def test_killed_anywhere_it_goes_on(fleet, statements, part):
    """Each part of the run in its turn: from the first statement to the last."""
    parts = 60 if PROVE else 4
    number = 1 + int((part + random.Random().random()) * statements / parts)  # noqa: S311
    write_killed(fleet)
    died = fleet.attempt(migrate_and_die, number)
    assert died.killed or number > statements - 20, number
    fleet.migrate().ok()
    assert sizes(fleet) == {key: [10, 10] for key in EVERYBODY}, number
    for key in (*EVERYBODY, fleet.call(acts.provision, "fresh")):
        found = fleet.call(query, key, MODELS)
        assert found == [["gadget", 4], ["widget", 4]], (key, number)
    assert notes(fleet) == []


def test_one_that_fails_stops_no_other_and_the_next_run_goes_on_from_there(fleet):
    write_data(fleet, FAIL)
    ended = fleet.migrate()
    assert ended.status == 1
    for said in (
        "'eu-one'",
        "gadgets.0002_size, RunPython(count)",
        "ValueError: no gadgets today",
        "The other tenants are done",
        "`manage.py tenants migrate`",
    ):
        assert said in ended.err
    assert "Traceback" not in ended.err
    half_way = {key: [1, 1] for key in EVERYBODY} | {"eu-one": [0, 0]}
    assert sizes(fleet) == half_way
    assert fleet.look()["acme"]["migrations"] == ["0001_initial"]
    again = fleet.migrate()
    assert again.status == 1
    assert sizes(fleet) == half_way
    refused = fleet.attempt(acts.provision, "fresh")
    assert "tenants migrate" in refused.err
    write_data(fleet)
    fleet.migrate().ok()
    is_done(fleet)
    fleet.call(acts.provision, "fresh")


def test_half_way_what_follows_may_be_changed_and_what_is_done_may_not(fleet):
    write_data(fleet, FAIL)
    assert fleet.migrate().status == 1
    before = sizes(fleet)
    other = DATA.replace("AddField(", "AlterField(", 1)
    fleet.write("0002_size", other, COUNT.format("pass"))
    ended = fleet.migrate()
    assert ended.status == 1
    assert "'Add field size to gadget'" in ended.err
    assert "'Alter field size on gadget'" in ended.err
    assert "Put back what is done" in ended.err
    assert sizes(fleet) == before
    shorter = "".join(DATA.partition("migrations.RunSQL")[:1])
    fleet.write("0002_size", shorter, COUNT.format("pass"))
    fleet.migrate().ok()
    assert sizes(fleet) == {key: [1, 1] for key in EVERYBODY}
    assert notes(fleet) == []


# --- Two at once.


def test_two_deployments_at_once_do_it_once(fleet):
    write_killed(fleet)
    both = [fleet._start({"manage": ["tenants", "migrate"]}) for _ in range(2)]
    for running in both:
        running.wait().ok()
    assert sizes(fleet) == {key: [10, 10] for key in EVERYBODY}
    for key in EVERYBODY:
        assert fleet.call(query, key, MODELS) == [["gadget", 4], ["widget", 4]]


def migrate_late(folder, *, guarded=True):
    """Migrate by a plan that another process carries out meanwhile."""
    from django.core.management import call_command

    from tenantry.fleet import pool, work
    from tests.world import replaced

    real = pool._do
    waited = []

    def wait(*args, **kwargs):
        if not waited:
            waited.append(wait_at(folder, "late"))
        return real(*args, **kwargs)

    pool._do = wait
    if guarded:
        call_command("tenants", "migrate", "--no-shared")
        return
    with replaced(work, "is_recorded", never), replaced(pool, "is_recorded", never):
        call_command("tenants", "migrate", "--no-shared")


def never(*_):
    return False


@pytest.mark.parametrize("how", ["guarded", "squashed", "control"])
def test_one_that_comes_late_does_nothing(fleet, tmp_path, how):
    guarded = how != "control"
    replaces = [("gadgets", "0002_old")] if how == "squashed" else []
    code = COUNT.format("pass")
    operations = DATA.partition("migrations.RunSQL")[0]
    fleet.write("0002_size", operations, code, replaces=replaces)
    barrier = Barrier(tmp_path, ["late"])
    late = fleet.start(migrate_late, str(tmp_path), guarded=guarded)
    (tmp_path / "late.there").read_text()
    fleet.migrate().ok()
    barrier.release("late")
    ended = late.wait()
    if guarded:
        ended.ok()
        assert sizes(fleet) == {key: [1, 1] for key in EVERYBODY}
        assert notes(fleet) == []
    else:
        assert ended.status


WAIT = """
    from tests.projects import wait_at
    if get_tenant().key == "acme":
        wait_at({0!r}, "acme")
"""


def test_a_tenant_made_meanwhile_is_refused_and_not_lost(fleet, tmp_path):
    write_data(fleet, WAIT.format(str(tmp_path)))
    barrier = Barrier(tmp_path, ["acme"])
    running = fleet._start({"manage": ["tenants", "migrate"]})
    (tmp_path / "acme.there").read_text()
    ended = fleet.manage("tenants", "create", "fresh")
    barrier.release("acme")
    running.wait().ok()
    assert ended.status == 1
    assert "manage.py tenants migrate" in ended.err
    assert "Traceback" not in ended.err
    write_data(fleet)
    is_done(fleet)
    fleet.manage("tenants", "create", "fresh").ok()
    assert fleet.look()["fresh"]["rows"] == []


def test_a_tenant_made_while_tables_are_behind_is_refused(fleet):
    write_data(fleet)
    ended = fleet.manage("tenants", "create", "fresh")
    assert ended.status == 1
    assert "`manage.py tenants migrate`" in ended.err
    assert "Traceback" not in ended.err
    assert "fresh" not in fleet.look()
    fleet.migrate().ok()
    fleet.manage("tenants", "create", "fresh").ok()


# --- Other forms.


def test_faked_it_is_recorded_and_not_run(fleet):
    write_data(fleet)
    fleet.migrate("--fake").ok()
    for seen in fleet.look().values():
        assert (seen["columns"], seen["migrations"]) == (["id", "name"], NOW)
    fleet.migrate("gadgets", "0001", "--fake").ok()
    fleet.migrate().ok()
    is_done(fleet)


def test_code_of_python_may_define_tables_and_does_it_once(fleet):
    code = """
def table(apps, schema_editor):
    schema_editor.execute("CREATE TABLE gadgets_raw (id int PRIMARY KEY, who text)")
    schema_editor.execute("CREATE INDEX raw_who ON gadgets_raw (who)")
    schema_editor.execute("INSERT INTO gadgets_raw VALUES (1, %s)", [get_tenant().key])

def untable(apps, schema_editor):
    schema_editor.execute("DROP TABLE gadgets_raw")
"""
    fleet.write("0002_size", "migrations.RunPython(table, untable),", code)
    fleet.migrate("--jobs", "2").ok()
    for key in EVERYBODY:
        assert fleet.call(query, key, "SELECT id, who FROM gadgets_raw") == [[1, key]]
    fleet.migrate("gadgets", "0001").ok()
    assert fleet.call(query, "acme", "SELECT to_regclass('gadgets_raw')") == [[None]]


def test_operations_within_one_that_has_its_state_apart(fleet):
    code = COUNT.format("pass")
    inner = f"""
migrations.SeparateDatabaseAndState(
    [{DATA}],
    [
        migrations.AddField(
            "gadget", "size", models.BigIntegerField(default=0, db_index=True)
        )
    ],
),
"""
    fleet.write("0002_size", inner, code)
    fleet.migrate().ok()
    is_done(fleet)
    fleet.migrate("gadgets", "0001").ok()
    assert fleet.look()["half"]["columns"] == ["id", "name"]


DO = "DO $$ BEGIN {0} END $$"
MIXING = (
    ("TRUNCATE gadgets_gadget", "use DELETE"),
    (DO.format("TRUNCATE gadgets_gadget;"), "use DELETE"),
    (DO.format("CREATE TABLE x (); UPDATE x SET y = 1;"), "split it into two"),
    ("COPY gadgets_gadget FROM PROGRAM 'true'", "use INSERT"),
)
X = "CREATE TABLE gadgets_x (id bigint"
WITHOUT_TENANT = (
    f"{X} REFERENCES gadgets_gadget)",
    f"{X}, FOREIGN KEY (id) REFERENCES gadgets_gadget (id))",
    "ALTER TABLE gadgets_gadget ADD x bigint REFERENCES gadgets_gadget",
)


def refused(fleet, sql, said):
    """Migrate with SQL that is refused, in the second operation; nothing stays done."""
    before = fleet.look()
    fleet.write("0002_size", f"{DATA.splitlines()[1]}\nmigrations.RunSQL({sql!r}),")
    ended = fleet.migrate()
    assert ended.status == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert fleet.look() == before


def test_sql_that_would_mix_tenants_is_refused_before_anything_is_done(fleet):
    for sql, said in MIXING:
        refused(fleet, sql, said)
        assert notes(fleet) == []


def test_a_foreign_key_without_the_tenant_is_refused_and_says_how(fleet):
    for sql in WITHOUT_TENANT:
        refused(fleet, sql, "ADD FOREIGN KEY")


def test_a_foreign_key_of_raw_sql_has_the_tenant_in_front(fleet):
    add = "ALTER TABLE gadgets_x ADD CONSTRAINT x_fk FOREIGN KEY (id) REFERENCES"
    sql = [f"{X})", f"{add} gadgets_gadget (id)"]
    fleet.write("0002_size", f"migrations.RunSQL({sql!r}, 'DROP TABLE gadgets_x'),")
    fleet.migrate().ok()
    shown = "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'x_fk'"
    ((found,),) = fleet.execute(shown, fleet.name)
    assert "(tenantry_key, id)" in found.partition("REFERENCES")[0]
    fleet.migrate("gadgets", "0001").ok()


def test_only_some_of_those_who_share_tables_are_refused(fleet):
    write_data(fleet)
    before = fleet.look()
    ended = fleet.migrate("--only", "acme")
    assert ended.status == 1
    assert "shares its tables with 2 tenants" in ended.err
    assert "--placement default" in ended.err
    ended = fleet.manage("tenants", "run", "--only", "acme", "--", "migrate")
    assert ended.status == 1
    assert "`manage.py tenants migrate`" in ended.err
    assert fleet.look() == before
    fleet.migrate("--placement", "default").ok()
    is_done(fleet)


def test_a_renamed_model_keeps_its_content_type_in_every_tenant(fleet):
    before = {key: fleet.call(query, key, TYPES) for key in EVERYBODY}
    assert [name for _, name in before["half"]] == ["gadget"]
    fleet.write("0002_rename", 'migrations.RenameModel("Gadget", "Gizmo"),')
    fleet.migrate().ok()
    for key in EVERYBODY:
        assert fleet.call(query, key, TYPES) == [[before[key][0][0], "gizmo"]]
    fleet.migrate("gadgets", "0001").ok()
    assert {key: fleet.call(query, key, TYPES) for key in EVERYBODY} == before


def test_squashed(fleet):
    size = 'migrations.AddField("gadget", "size", models.IntegerField(default=7)),'
    fleet.write("0002_size", size)
    fleet.migrate().ok()
    replaces = [("gadgets", name) for name in NOW]
    squashed = "0001_squashed_0002_size"
    fleet.write(squashed, INITIAL_AND_SIZE, after=None, replaces=replaces)
    fleet.migrate().ok()
    for seen in fleet.look().values():
        assert seen["migrations"] == sorted([*NOW, squashed])
    fleet.call(acts.provision, "fresh")
    fleet.remove("0001_initial")
    fleet.remove("0002_size")
    fleet.write(squashed, INITIAL_AND_SIZE, after=None)
    assert "4 were up to date" in fleet.migrate().ok().out


def test_what_cannot_be_reversed_is_refused_before_anything_is_touched(fleet):
    fleet.write("0002_size", DATA.replace(", uncount", ""), COUNT.format("pass"))
    fleet.migrate().ok()
    ended = fleet.migrate("gadgets", "0001")
    assert ended.status == 1
    assert "not reversible" in ended.err
    is_done(fleet)


def test_the_sql_of_a_migration_is_shown_as_it_is_run(fleet):
    write_data(fleet)
    ended = fleet.manage(
        "tenants", "run", "--only", "acme", "--", "sqlmigrate", "gadgets", "0001"
    ).ok()
    for said in (
        '"tenantry_key" text COLLATE "C" NOT NULL DEFAULT tenantry.current_tenant()',
        'ADD CONSTRAINT "gadgets_gadget_pkey" PRIMARY KEY ("tenantry_key", "id")',
        "CALL tenantry.protect",
    ):
        assert said in ended.out
