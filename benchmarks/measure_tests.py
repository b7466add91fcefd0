"""How long a class of ten tests takes in a tenant, and in plain Django's `TestCase`."""

import shutil
import tempfile

from contenders import PLAIN, TENANTRY, Contender, Worker
from figures import Median, at_most

TARGET = 1.5
PAIRS = {
    "schema": (PLAIN, TENANTRY),
    "SQLite": (
        Contender("plain Django, SQLite", "plain_sqlite", ""),
        Contender("tenantry, SQLite", "tenantry_sqlite", "", {"BENCH_MAX_OPEN": "100"}),
    ),
}


def measure(report, server, *, quick):
    rounds = 15 if quick else 60
    report.heading("A class of ten tests: in a tenant, against plain TestCase")
    folders = [tempfile.mkdtemp(prefix="tenantry-bench-tests-") for _ in range(2)]
    try:
        for name, pair in PAIRS.items():
            compare(report, server, name=name, pair=pair, rounds=rounds, at=folders)
    finally:
        for folder in folders:
            shutil.rmtree(folder, ignore_errors=True)


def compare(report, server, *, name, pair, rounds, at):
    """Run the class in both by turns; judge the ratio of each turn."""
    with (
        Worker(pair[0], server, BENCH_FOLDER=at[0]) as plain,
        Worker(pair[1], server, BENCH_FOLDER=at[1]) as tenants,
    ):
        first = [worker.ask("test") for worker in (plain, tenants)]
        times = [(plain.ask("test"), tenants.ask("test")) for _ in range(rounds)]
        for worker in (plain, tenants):
            worker.ask("leave_tests")
    medians = [Median.of([1000 * pair[side] for pair in times]) for side in (0, 1)]
    report.table(
        f"Ten tests, {name} (ms)",
        ["", "the first class", "each further one"],
        [
            [title, f"{1000 * seconds:.1f}", median.text(".1f")]
            for title, seconds, median in zip(
                ["TestCase", "TenantTestCase"], first, medians, strict=True
            )
        ],
    )
    ratio = Median.of([tenant / plain for plain, tenant in times])
    report.keep("tests", **{name: {"times": times, "first": first}})
    report.judge(at_most(f"ten tests in a tenant ({name}) / TestCase", ratio, TARGET))
