"""What many tenants in shared tables cost: to make one, and to serve ten thousand."""

import contextlib
import random
from dataclasses import dataclass

from contenders import BrokenRunError, Contender, Worker
from figures import Median, at_most
from measure_memory import MEGABYTE
from roles import TWO_ROLES, create

DEMO = Contender("the demo, rows", "demo_rows", "bench_demo", TWO_ROLES)
MANY = Contender("tenantry, rows", "tenantry_rows", "bench_rows_many", TWO_ROLES)
PROVISION_TARGET = 20
MEMORY_TARGET = 40  # what the catalog remembers of 10,000 tenants, the most it does
TIME_TARGET = 1.1
PARTS = {"rss": "memory of the process", "server": "memory of its server process"}
PRODUCTS = """
INSERT INTO tenantry_rows.shop_product
    (tenantry_key, id, name, price, in_stock, created_at)
SELECT key, n, format('%s product %s', key, n), n, true, now()
FROM public.customers_tenant, generate_series(1, 10) n
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    made: int
    visited: tuple
    rounds: int
    requests: int


FULL = Sizes(100, (100, 1_000, 10_000), 60, 40)
QUICK = Sizes(25, (100, 500, 2_000), 15, 20)


def measure(report, server, *, quick):
    sizes = QUICK if quick else FULL
    measure_provisioning(report, server, sizes)
    measure_many(report, server, sizes)


def measure_provisioning(report, server, sizes):
    report.heading(f"Provisioning {sizes.made} row tenants, with the demo's seed rows")
    create(server, DEMO)
    keys = [f"t{n:04}" for n in range(sizes.made + 5)]
    with Worker(DEMO, server) as worker:
        made = worker.ask("prepare", keys=keys)["made"][5:]
    server.drop(DEMO.database)
    found = {kind: Median.of([1000 * each[kind] for each in made]) for kind in made[0]}
    trips = Median.of([each["round_trips"] for each in made])
    report.table(
        "One tenant",
        ["ms", "ms of this process", "ms of the server", "round trips"],
        [
            [
                *(found[kind].text(".1f") for kind in ("wall", "cpu", "server")),
                f"{trips.value:.0f}",
            ]
        ],
    )
    report.judge(
        at_most(
            "provisioning a row tenant", found["wall"], PROVISION_TARGET, unit=" ms"
        )
    )
    report.keep("rows", provisioning=made)


def measure_many(report, server, sizes):
    first, last = sizes.visited[0], sizes.visited[-1]
    report.heading(f"One process, {last:,} row tenants")
    keys = [f"t{n:05}" for n in range(1, last + 1)]
    create(server, MANY)
    with Worker(MANY, server) as worker:
        worker.ask("prepare", keys=keys)
    with server.connect(MANY.database) as connection:
        connection.execute(PRODUCTS)
        connection.execute("VACUUM ANALYZE")
    with contextlib.ExitStack() as stack:
        fresh, aged = (stack.enter_context(Worker(MANY, server)) for _ in range(2))
        visit(fresh, keys[:first])
        rows = []
        for number in sizes.visited:
            visit(aged, keys[:number])
            rows.append((number, aged.ask("footprint")))
        fresh.ask("pin")
        aged.ask("pin")
        again = compare(sizes, (fresh, keys[:first]), (aged, keys[:first]))
        round_all = compare(sizes, (fresh, keys[:first]), (aged, keys))
    server.drop(MANY.database)
    show_growth(report, rows)
    show_times(report, sizes, (again, round_all))


def visit(worker, keys):
    """Ask each tenant, and hold that each answers with its own rows."""
    owners = worker.ask("verify", view="one", hosts=[f"{k}.localhost" for k in keys])
    if owners != [[key] for key in keys]:
        raise BrokenRunError(f"{worker.contender.name} mixes tenants")


def compare(sizes, base, other):
    """Return the ratios of CPU time of two processes, server included, by rounds."""
    chosen = random.Random(1)  # noqa: S311  (not a secret)
    ratios = []
    for number in range(sizes.rounds):
        work = []
        for worker, keys in (base, other) if number % 2 else (other, base):
            hosts = [f"{chosen.choice(keys)}.localhost" for _ in range(sizes.requests)]
            answer = worker.ask("time", view="ten", hosts=hosts)
            work.append(answer["cpu"] + answer["server"])
        ratios.append(work[1] / work[0] if number % 2 else work[0] / work[1])
    return Median.of(ratios)


def show_growth(report, rows):
    (first, before), *_, (last, after) = rows
    report.table(
        "After visiting so many tenants",
        ["tenants", "RSS MB", "server's backend MB"],
        [
            [f"{number:,}", *(f"{at[part] / MEGABYTE:.1f}" for part in PARTS)]
            for number, at in rows
        ],
    )
    report.judge(
        *(
            at_most(
                f"{name}, {last:,} tenants over {first:,}",
                (after[part] - before[part]) / MEGABYTE,
                MEMORY_TARGET,
                unit=" MB",
            )
            for part, name in PARTS.items()
        )
    )
    report.keep("rows", many=rows)


def show_times(report, sizes, found):
    than = f"{sizes.visited[-1]:,} tenants visited over {sizes.visited[0]:,}"
    names = ("the same tenants", "all tenants in turn")
    report.judge(
        *(
            at_most(f"time of a request, {name}, {than}", ratio, TIME_TARGET)
            for name, ratio in zip(names, found, strict=True)
        )
    )
