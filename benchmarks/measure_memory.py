"""What stays open, and in memory, once a process has visited many tenants."""

import shutil
import tempfile
from pathlib import Path

from contenders import TENANTRY, BrokenRunError, Contender, Worker
from figures import at_most

MAX_OPEN = 100
SQLITE = Contender(
    "tenantry, SQLite databases",
    "tenantry_sqlite",
    "",
    {"BENCH_MAX_OPEN": str(MAX_OPEN)},
)
SCHEMAS = Contender("tenantry, schemas", TENANTRY.project, "bench_many")
MEMORY_TARGET = 50
MEGABYTE = 1024 * 1024
WARM_UP = 200


def measure(report, server, *, quick):
    tenants = 200 if quick else 1000
    keys = [f"t{n:04}" for n in range(1, tenants + 1)]
    report.heading(f"Memory and connections after visiting {tenants:,} tenants")
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bench-sqlite-"))
    try:
        (folder / "tenants").mkdir()
        sqlite = visit(SQLITE, server, keys, BENCH_FOLDER=str(folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    server.create(SCHEMAS.database)
    schemas = visit(SCHEMAS, server, keys)
    server.drop(SCHEMAS.database)
    show(report, tenants, {SQLITE.name: sqlite, SCHEMAS.name: schemas})


def visit(contender, server, keys, **environment):
    hosts = [f"{key}.localhost" for key in keys]
    with Worker(contender, server, **environment) as worker:
        seconds = worker.ask("prepare", keys=keys)["seconds"]
    with Worker(contender, server, **environment) as worker:
        worker.ask("verify", view="ten", hosts=hosts[:1] * WARM_UP)
        one = footprint(worker, server)
        owners = worker.ask("verify", view="ten", hosts=hosts)
        if owners != [[key] for key in keys]:
            raise BrokenRunError(f"{contender.name} mixes tenants")
        return {"one": one, "all": footprint(worker, server), "prepared": seconds}


def footprint(worker, server):
    found = worker.ask("footprint")
    [[connections]] = server.query(
        "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s",
        f"bench {worker.contender.name}",
    )
    return found | {"connections": connections + found["sqlite"]}


def show(report, tenants, found):
    rows = []
    for name, result in found.items():
        for when, title in [("one", "one tenant"), ("all", f"{tenants:,} tenants")]:
            at = result[when]
            rows.append(
                [
                    f"{name}: after {title}",
                    at["connections"],
                    at["descriptors"],
                    f"{at['rss'] / MEGABYTE:.1f}",
                    f"{at['server'] / MEGABYTE:.1f}" if "server" in at else "-",
                ]
            )
    report.table(
        "One process",
        ["", "connections", "descriptors", "RSS MB", "server's backend MB"],
        rows,
    )
    for name, result in found.items():
        one, after = result["one"], result["all"]
        grown = (after["rss"] - one["rss"]) / MEGABYTE
        report.judge(
            at_most(f"memory over one tenant, {name}", grown, MEMORY_TARGET, unit=" MB")
        )
        limit = 1 if name == SCHEMAS.name else MAX_OPEN + 1  # the shared one
        report.judge(at_most(f"open connections, {name}", after["connections"], limit))
        report.note(f"       ({tenants:,} tenants made in {result['prepared']:.1f} s)")
    report.keep("memory", **found)
