"""What queries on shared tables cost, beside a tenant column written by hand."""

import contextlib
import statistics
from collections import defaultdict
from dataclasses import dataclass

from contenders import BrokenRunError, Contender, Worker
from figures import Median, at_most, holds
from measure_requests import rotated
from plans import tenant_first
from roles import ONE_ROLE, TWO_ROLES, create

ROWS = Contender("tenantry, rows", "tenantry_rows", "bench_rows", TWO_ROLES)
HAND = Contender("written by hand", "handwritten", "bench_hand", ONE_ROLE)
OWN = Contender("plain, own table", "own_table", "bench_own", ONE_ROLE)
CONTENDERS = [ROWS, HAND, OWN]
TABLES = {
    ROWS: ("tenantry_rows.sales_sale", "tenantry_key"),
    HAND: ("public.sales_sale", "tenant_key"),
    OWN: ("public.sales_sale", None),
}
QUERIES = {
    "key": "one row by its primary key",
    "equality": "equality on an indexed text",
    "range": "range of an indexed date, ordered, 20 rows",
    "page": "page of 20 rows, the sixth",
    "count": "count of all rows",
    "prefix": "LIKE 'abc%'",
    "contains": "icontains (no index helps)",
    "search": "full text",
    "json": "JSON containment",
}
INDEXED = ["key", "equality", "range", "page", "count"]
JUDGED = ["key", "equality", "range", "page"]
TEXTUAL = ["prefix", "contains", "search", "json"]
QUERY_TARGET = 1.1
LARGE = "t5000"
ROWS_EACH = 1000
# The functions behind LIKE (of text), icontains, full text and JSON containment.
LEAKPROOF = [
    "textlike(text, text)",
    "upper(text)",
    "ts_match_vq(tsvector, tsquery)",
    "jsonb_contains(jsonb, jsonb)",
]
LOAD = """
WITH pattern AS MATERIALIZED (
    SELECT n, concat_ws(
        ' ', CASE WHEN n %% 100 = 17 THEN 'cinnamon' ELSE 'saffron' END,
        md5(n::text), md5((n * 7)::text)) AS note
    FROM generate_series(1, {each}) n
), row AS MATERIALIZED (
    SELECT n, 'customer ' || n * 7919 %% 50 AS customer,
        date '2020-01-01' + n * 31 %% 1000 AS sold_on,
        n * 17 %% 10000 / 100.0 AS amount, note,
        jsonb_build_object('channel', n %% 100, 'size', n %% 7) AS facts,
        to_tsvector('simple', note) AS words
    FROM pattern
)
INSERT INTO {table} (id, customer, sold_on, amount, note, facts, words{column})
SELECT m * 1000000::bigint + lap * {each} + n, customer, sold_on, amount, note,
    facts, words{value}
FROM generate_series(%s::int, %s::int) m, generate_series(0, %s::int) lap, row
ORDER BY m, lap, n
"""


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    tenants: int
    large: int
    generations: int
    rounds: int
    asked: int
    explained: int


FULL = Sizes(1000, 100_000, 4, 40, 20, 60)
QUICK = Sizes(100, 20_000, 2, 12, 10, 15)


def measure(report, server, *, quick):
    sizes = QUICK if quick else FULL
    rows = sizes.tenants * ROWS_EACH
    report.heading(
        f"Rows: {sizes.tenants:,} tenants with {ROWS_EACH:,} rows each, and one with"
        f" {sizes.large:,}"
    )
    for contender in CONTENDERS:
        prepare(report, server, contender, sizes)
    bench = Bench(report, server, sizes)
    bench.check_plans()
    bench.compare(INDEXED + TEXTUAL, bench.keys, f"{rows:,} rows")
    bench.compare(TEXTUAL, [LARGE], f"a tenant of {sizes.large:,} rows")
    trust_operators(server)
    bench.compare(TEXTUAL, [LARGE], "the same, operators marked LEAKPROOF")
    for contender in CONTENDERS:
        server.drop(contender.database)


def prepare(report, server, contender, sizes):
    """Migrate, and load the sales past the policies; the same rows everywhere."""
    create(server, contender)
    with Worker(contender, server) as worker:
        seconds = worker.ask("prepare", keys=["t0001"])["seconds"]
    table, column = TABLES[contender]
    sql = LOAD.format(
        table=table,
        each=ROWS_EACH,
        column=f", {column}" if column else "",
        value=", 't' || lpad(m::text, 4, '0')" if column else "",
    )
    with server.connect(contender.database) as connection:
        indexes = take_indexes(connection, table)
        connection.execute(sql, [1, sizes.tenants if column else 1, 0])
        if column:
            large = int(LARGE[1:])
            connection.execute(sql, [large, large, sizes.large // ROWS_EACH - 1])
        for index in indexes:
            connection.execute(index)
        connection.execute("VACUUM ANALYZE")  # or autovacuum will, at any time
    report.note(f"prepared {contender.project}: migrated in {seconds:.1f} s")


def take_indexes(connection, table):
    """Drop the table's indexes, those of constraints apart; return what makes them."""
    found = connection.execute(
        "SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index"
        " WHERE indrelid = %s::regclass AND NOT EXISTS"
        " (SELECT FROM pg_constraint WHERE conindid = indexrelid)",
        [table],
    ).fetchall()
    for name, _ in found:
        connection.execute(f"DROP INDEX {name}")
    return [definition for _, definition in found]


def trust_operators(server):
    """Tell PostgreSQL that the operators tell nothing of rows that a policy hides."""
    with server.connect(ROWS.database) as connection:
        for function in LEAKPROOF:
            connection.execute(f"ALTER FUNCTION pg_catalog.{function} LEAKPROOF")


class Bench:
    """The contenders' processes, and what is asked of them."""

    def __init__(self, report, server, sizes):
        self.report = report
        self.server = server
        self.sizes = sizes
        self.keys = [f"t{n:04}" for n in range(1, sizes.tenants + 1)]

    @contextlib.contextmanager
    def workers(self, contenders, names, keys, **environment):
        """Start the processes; prove that they give each tenant the same rows."""
        some = keys[:: max(1, len(keys) // 20)]
        with contextlib.ExitStack() as stack:
            found = [
                stack.enter_context(Worker(each, self.server, **environment))
                for each in contenders
            ]
            for name in names:
                expected = None
                for worker in found:
                    given = keys_for(worker.contender, some)
                    got = worker.ask("query", act="answers", name=name, keys=given)
                    expected = got if expected is None else expected
                    if worker.contender is OWN:  # it has the first tenant's rows
                        expected = [expected[0]] * len(some)
                    if got != expected or not all(got):
                        raise BrokenRunError(f"{worker.contender.name}: {name}: {got}")
            for worker in found:
                worker.ask("pin")
            yield found

    def check_plans(self):
        """Hold that each query of `INDEXED` is answered by an index of the tenant's."""
        with self.workers([ROWS], INDEXED, self.keys) as [worker]:
            for name in INDEXED:
                asked = {"act": "explain", "name": name, "key": self.keys[-1]}
                good = tenant_first(self.server, worker.ask("query", **asked)["plan"])
                without = worker.ask("query", **asked, indexes=False)["plan"]
                if tenant_first(self.server, without):
                    raise BrokenRunError(f"the check of plans passes {without}")
                self.report.judge(
                    holds(
                        f"plan, {QUERIES[name]}",
                        good or "no index of the tenant's",
                        "an index that begins with tenantry_key",
                        met=bool(good),
                    )
                )

    def compare(self, names, keys, title):
        """Time each query of each contender in turn; show and judge the ratios."""
        contenders = CONTENDERS if keys == self.keys else [ROWS, HAND]
        times = {each: defaultdict(list) for each in contenders}
        ratios = {each: defaultdict(list) for each in contenders}
        explained = {}
        for generation in range(self.sizes.generations):
            seed = {"PYTHONHASHSEED": str(generation + 1)}
            with self.workers(contenders, names, keys, **seed) as workers:
                for number in range(self.sizes.rounds):
                    for name in names:
                        self.take_turns(workers, name, keys, number, times, ratios)
                if not generation:
                    explained = self.explain(workers, names, keys)
        self.show(title, names, times, ratios, explained)

    def take_turns(self, workers, name, keys, number, times, ratios):
        asked = self.sizes.asked if len(keys) > 1 else 5
        visited = [keys[(number * asked + n) * 37 % len(keys)] for n in range(asked)]
        found = {}
        for worker in rotated(workers, number):
            given = keys_for(worker.contender, visited)
            answer = worker.ask("query", act="time_queries", name=name, keys=given)
            each = {kind: v / asked * 1e6 for kind, v in answer.items()}
            each["work"] = each["cpu"] + each["server"]
            times[worker.contender][name].append(each)
            found[worker.contender] = each
        for contender, each in found.items():
            ratios[contender][name].append(
                {kind: each[kind] / found[HAND][kind] for kind in each}
            )

    def explain(self, workers, names, keys):
        """Return, by contender and query, the plan and the medians of its times."""
        found = defaultdict(dict)
        for name in names:
            laps = defaultdict(list)
            for _ in range(3):
                for worker in workers:
                    [key] = keys_for(worker.contender, keys[-1:])
                    answer = worker.ask(
                        "query",
                        act="explain",
                        name=name,
                        key=key,
                        times=self.sizes.explained // 3,
                    )
                    laps[worker.contender] += answer["times"]
                    found[worker.contender][name] = answer
            for contender, each in laps.items():
                planning, execution = zip(*each, strict=True)
                found[contender][name]["times"] = (
                    statistics.median(planning) * 1000,
                    statistics.median(execution) * 1000,
                )
        return found

    def show(self, title, names, times, ratios, explained):
        rows, verdicts = [], []
        for name in names:
            for contender in times:
                taken = times[contender][name]
                ratio = {
                    kind: Median.of([each[kind] for each in ratios[contender][name]])
                    for kind in ("wall", "work")
                }
                planning, execution = explained[contender][name]["times"]
                rows.append(
                    [
                        f"{QUERIES[name]}: {contender.name}",
                        *(
                            f"{statistics.median(each[kind] for each in taken):.0f}"
                            for kind in ("wall", "cpu", "server")
                        ),
                        f"{planning:.0f} + {execution:.0f}",
                        ratio["wall"].text(".2f"),
                        ratio["work"].text(".2f"),
                    ]
                )
                if contender is ROWS and name in JUDGED:
                    figure = f"rows over hand-written, {QUERIES[name]}"
                    verdicts.append(at_most(figure, ratio["work"], QUERY_TARGET))
        self.report.table(
            title,
            [
                "",
                "µs",
                "Python µs",
                "server µs",
                "plan + execute",
                "x by hand",
                "CPU x by hand",
            ],
            rows,
        )
        self.report.judge(*verdicts)
        plans = {each.name: explained[each] for each in explained}
        self.report.keep("rows", **{title: {"table": rows, "plans": plans}})


def keys_for(contender, keys):
    """Return the tenants to ask: plain Django has only the first."""
    return keys if contender is not OWN else ["t0001"] * len(keys)
