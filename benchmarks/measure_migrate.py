"""What migrating a fleet costs, against plain Django's `migrate` for one."""

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from contenders import PLAIN, PROJECTS, TENANTRY, BrokenRunError, Contender, Worker
from contenders import manage as run
from figures import Median, at_most

ONE = Contender("plain Django", PLAIN.project, "bench_migrate_one")
FLEET = Contender("tenantry", TENANTRY.project, "bench_migrate_fleet")
NOTHING_TO_DO_TARGET = 1.5
ADD_FIELD_TARGET = 10
PACKAGE = "bench_shop_migrations"
MIGRATION = """\
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("shop", "{before}")]
    operations = [
        migrations.AddField(
            "product", "added_{number}", models.CharField(default="", max_length=20)
        )
    ]
"""


class Migrations:
    """The shop's migrations, in a folder where more are added."""

    def __init__(self, folder):
        self.folder = Path(folder) / PACKAGE
        shutil.copytree(
            PROJECTS / "ordinary" / "shop" / "migrations",
            self.folder,
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        self.last = "0001_initial"
        self.number = 1

    def add(self):
        self.number += 1
        before, self.last = self.last, f"{self.number:04}_added"
        text = MIGRATION.format(before=before, number=self.number)
        (self.folder / f"{self.last}.py").write_text(text, encoding="utf-8")


def measure(report, server, *, quick):
    tenants, repeats, adds = (100, 5, 3) if quick else (200, 15, 7)
    keys = [f"t{n:04}" for n in range(1, tenants + 1)]
    report.heading(f"Migrations, {tenants} schema tenants; whole processes")
    folder = tempfile.mkdtemp(prefix="tenantry-bench-")
    try:
        migrations = Migrations(folder)
        timed = Timed(server, folder)
        for contender in (ONE, FLEET):
            server.create(contender.database)
            with Worker(contender, server, **timed.environment(contender)) as worker:
                worker.ask("prepare", keys=keys)
            with server.connect(contender.database) as connection:
                connection.execute("VACUUM ANALYZE")
        timed.both()  # compiles what was never imported before
        nothing = [timed.both() for _ in range(repeats)]
        added = []
        for _ in range(adds):
            migrations.add()
            added.append(timed.both())
            timed.check(migrations, keys)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        for contender in (ONE, FLEET):
            server.drop(contender.database)
    show(report, tenants, nothing=nothing, added=added)


class Timed:
    """Runs both contenders' commands, one after the other."""

    def __init__(self, server, folder):
        self.server = server
        self.folder = folder

    def environment(self, contender):
        path = contender.environment(self.server)["PYTHONPATH"]
        return {
            "BENCH_SHOP_MIGRATIONS": PACKAGE,
            "PYTHONPATH": f"{path}:{self.folder}",
        }

    def both(self):
        """Return the seconds that one takes, and the fleet."""
        return self.seconds(ONE, "migrate"), self.seconds(FLEET, "tenants", "migrate")

    def seconds(self, contender, *command):
        environment = self.environment(contender)
        started = time.perf_counter()
        run(contender, self.server, *command, **environment)
        return time.perf_counter() - started

    def check(self, migrations, keys):
        """Prove that every tenant has the new column."""
        with self.server.connect(FLEET.database) as connection:
            [found] = connection.execute(
                "SELECT count(*) FROM information_schema.columns"
                " WHERE table_name = 'shop_product' AND column_name = %s",
                [f"added_{migrations.number}"],
            ).fetchone()
        if found < len(keys):
            raise BrokenRunError(f"only {found} of {len(keys)} tenants were migrated")


def show(report, tenants, *, nothing, added):
    rows = []
    for what, times in [("nothing to do", nothing), ("one AddField", added)]:
        one, fleet = (Median.of(each) for each in zip(*times, strict=True))
        rows += [
            [f"{what}: plain Django, one", one.text(".2f"), "-"],
            [
                f"{what}: tenantry, {tenants} tenants",
                fleet.text(".2f"),
                f"{fleet.value / tenants * 1000:.1f}",
            ],
        ]
    report.table("Seconds", ["", "median (95 % interval)", "ms a tenant"], rows)
    ratio = Median.of([fleet / one for one, fleet in nothing])
    report.judge(
        at_most("migrate with nothing to do, over plain", ratio, NOTHING_TO_DO_TARGET)
    )
    fleet = Median.of([seconds / tenants * 1000 for _, seconds in added])
    report.judge(at_most("one AddField, a tenant", fleet, ADD_FIELD_TARGET, unit=" ms"))
    idle = statistics.median(seconds for _, seconds in nothing)
    beyond = statistics.median(seconds for _, seconds in added) - idle
    report.note(
        f"\nWithout what a run with nothing to do takes: {beyond / tenants * 1000:.2f}"
        " ms a tenant."
    )
    report.keep("migrate", nothing_to_do=nothing, add_field=added, tenants=tenants)
