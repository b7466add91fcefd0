"""A row tenant is made of the template's rows, and dropped it leaves none behind."""

import random

import pytest

from tests.lifecycle import acts
from tests.projects import PROVE, Barrier, wait_at
from tests.rows.conftest import query
from tests.rows.test_migrations import Dying

KEYS = ("acme", "globex")
# Trees, circles of tables and of rows, by foreign keys that are looked at at once.
KNOT = """
migrations.RunSQL(
    [
        "CREATE TABLE gadgets_node (id int PRIMARY KEY, up int)",
        "ALTER TABLE gadgets_node ADD FOREIGN KEY (up) REFERENCES gadgets_node (id)",
        "CREATE TABLE gadgets_egg (id int PRIMARY KEY, hen int NOT NULL)",
        "CREATE TABLE gadgets_hen (id int PRIMARY KEY, egg int NOT NULL)",
        "CREATE TABLE gadgets_chick (id int PRIMARY KEY, hen int NOT NULL)",
        "ALTER TABLE gadgets_egg ADD FOREIGN KEY (hen) REFERENCES gadgets_hen (id)",
        "ALTER TABLE gadgets_hen ADD FOREIGN KEY (egg) REFERENCES gadgets_egg (id) "
        "ON DELETE RESTRICT",
        "ALTER TABLE gadgets_chick ADD FOREIGN KEY (hen) REFERENCES gadgets_hen (id)",
        "CREATE TABLE gadgets_data (id int PRIMARY KEY, a bytea, b jsonb, "
        "c timestamptz, d text[], e numeric, f interval, "
        "g text GENERATED ALWAYS AS ('x') STORED)",
    ],
    migrations.RunSQL.noop,
),
migrations.RunPython(seed, migrations.RunPython.noop),
"""
SEED = r'''
SQL = """
INSERT INTO gadgets_node SELECT n, nullif(n / 3, 0) FROM generate_series(1, 20) n;
INSERT INTO gadgets_node VALUES (100, 100), (101, NULL);
INSERT INTO gadgets_node VALUES (102, 101);
UPDATE gadgets_node SET up = 102 WHERE id = 101;
WITH made AS (INSERT INTO gadgets_egg SELECT n, n FROM generate_series(1, 9) n)
INSERT INTO gadgets_hen SELECT n, n FROM generate_series(1, 9) n;
INSERT INTO gadgets_chick SELECT n, 1 + n % 9 FROM generate_series(1, 30) n;
INSERT INTO gadgets_data VALUES
    (1, decode('00ff5c27', 'hex'), '{"it''s": "a \\\\ \\" ; on conflict (id) --"}',
     '2020-02-29 12:34:56.789012+02', ARRAY['a,b', 'c"d', NULL, ''], 1.50,
     '1 mon 2 days'),
    (2, NULL, 'null', 'infinity', '{}', 'NaN', NULL);
"""

def seed(apps, schema_editor):
    schema_editor.execute(SQL, None)
'''
TABLES = """
SELECT table_name FROM information_schema.columns
WHERE table_schema = 'tenantry_rows' AND column_name = 'tenantry_key' ORDER BY 1
"""


@pytest.fixture
def knotted(fleet):
    """The fleet, with tables that are hard to empty."""
    fleet.write("0002_knot", KNOT, SEED)
    fleet.migrate().ok()
    return fleet


def everything(fleet):
    """Return all rows of all tenants, by tenant and table, past the policies."""
    found = {}
    for (table,) in fleet.execute(TABLES, fleet.name):
        row = "to_jsonb(t) - 'tenantry_key'"
        sql = f"SELECT tenantry_key, {row} FROM tenantry_rows.{table} t"
        for key, row in fleet.execute(sql, fleet.name):
            found.setdefault(key, {}).setdefault(table, []).append(str(row))
    return {
        key: {table: sorted(rows) for table, rows in tables.items()}
        for key, tables in found.items()
    }


def test_a_new_tenant_has_the_templates_rows_to_the_letter(knotted):
    knotted.call(acts.provision, "fresh")
    found = everything(knotted)
    assert found["fresh"] == found["~template"]
    tables = {"gadgets_node", "gadgets_hen", "gadgets_data", "auth_permission"}
    assert tables <= found["fresh"].keys()
    assert len(found["fresh"]["gadgets_node"]) == 23
    added = "INSERT INTO auth_group (name) VALUES ('new') RETURNING id"
    mine, theirs = (knotted.call(query, key, added) for key in ("fresh", "acme"))
    assert mine != theirs


def drop_in_small_batches(key, die_at=0):
    """Drop a tenant, a few rows at a time, perhaps be killed; return what was told."""
    from django.db.backends.utils import CursorWrapper

    from tenantry.isolation import shared_tables
    from tests.customers.models import Tenant

    shared_tables.ROWS_PER_BATCH = 4
    dying, real, told = Dying(die_at), CursorWrapper._execute_with_wrappers, []

    def execute(self, *args, **kwargs):
        return dying(lambda: real(self, *args, **kwargs))

    CursorWrapper._execute_with_wrappers = execute
    from tenantry.lifecycle.provision import drop

    drop(Tenant.objects.get(key=key), watch=told.append)
    return told, dying.seen


def test_dropped_it_is_gone_whole_in_batches_and_nothing_of_others(knotted):
    before = everything(knotted)
    number = sum(len(rows) for rows in before["acme"].values())
    told, _ = knotted.call(drop_in_small_batches, "acme")
    after = everything(knotted)
    assert before.pop("acme")
    assert after == before
    assert told[-1] == number
    steps = [late - early for early, late in zip([0, *told], told, strict=False)]
    # Rows in a circle go together: 9 hens, 9 eggs.
    assert max(steps) == 18
    assert len(steps) > number / 6


def test_killed_while_it_drops_it_is_finished_by_the_next(knotted, tmp_path):
    _, statements = knotted.call(drop_in_small_batches, "acme")
    for number in range(20 if PROVE else 3):
        key = f"fresh{number}"
        knotted.call(acts.provision, key)
        before = everything(knotted)
        chosen = random.Random().randrange(4, statements - 8)  # noqa: S311
        assert knotted.attempt(drop_in_small_batches, key, chosen).killed
        knotted.manage("tenants", "drop", key, "--no-input").ok()
        before.pop(key)
        assert everything(knotted) == before, chosen


def drop_showing(key):
    """Drop by the command, with a line for each row."""
    from django.core.management import call_command

    from tenantry.cli import output
    from tenantry.isolation import shared_tables

    shared_tables.ROWS_PER_BATCH, output.ROWS_PER_LINE = 50, 100
    call_command("tenants", "drop", key, "--no-input")


def test_the_command_shows_how_far_it_is(fleet):
    ended = fleet.attempt(drop_showing, "globex").ok()
    lines = ended.out.splitlines()
    assert any(line.endswith("rows are gone ...") for line in lines)
    assert lines[-1].startswith("globex: ok")


def write_while_dropping(folder):
    """Write rows as a request that was under way when the tenant was dropped."""
    from tenantry import override_tenant
    from tests.customers.models import Tenant
    from tests.shop.models import Author, Book

    ref = Tenant.objects.get(key="acme").ref
    wait_at(folder, "writer")
    with override_tenant(ref):
        author = Author.objects.create(name="late")
        Book.objects.create(title="late", author=author)


def drop_while_written_to(folder):
    """Drop, and let the other write when half of the tables are empty."""
    from django.db.backends.utils import CursorWrapper

    real = CursorWrapper._execute_with_wrappers
    waited = []

    def execute(self, sql, *args, **kwargs):
        if "shop_tag" in str(sql) and not waited:
            waited.append(wait_at(folder, "dropper"))
        return real(self, sql, *args, **kwargs)

    CursorWrapper._execute_with_wrappers = execute
    acts.drop("acme")


def test_what_is_written_meanwhile_goes_as_well(fleet, tmp_path):
    before = everything(fleet)
    barrier = Barrier(tmp_path, ["writer", "dropper"])
    writer = fleet.start(write_while_dropping, str(tmp_path))
    dropper = fleet.start(drop_while_written_to, str(tmp_path))
    (tmp_path / "writer.there").read_text()
    (tmp_path / "dropper.there").read_text()
    barrier.release("writer")
    writer.wait().ok()
    assert everything(fleet)["acme"]["shop_book"]
    barrier.release("dropper")
    dropper.wait().ok()
    before.pop("acme")
    assert everything(fleet) == before
