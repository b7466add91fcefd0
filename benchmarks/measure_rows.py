"""What queries on shared tables cost, beside a tenant column written by hand."""

import contextlib
import statistics
from collections import defaultdict
from dataclasses import dataclass, field

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
    "prefix": "startswith",
    "like": "LIKE 'abc%', raw",
    "contains": "icontains (no index helps)",
    "search": "full text",
    "json": "JSON containment",
}
INDEXED = ["key", "equality", "range", "page", "count", "prefix"]
JUDGED = ["key", "equality", "range", "page"]
TEXTUAL = ["prefix", "like", "contains", "search", "json"]
QUERY_TARGET = 1.1
COLUMNS = [
    "",
    "µs",
    "Python µs",
    "server µs",
    "plan + execute",
    "x by hand",
    "CPU x by hand",
]
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
        prepare(server, contender, sizes)
    bench = Bench(report, server, sizes)
    bench.check_plans()
    bench.compare(QUERIES, bench.keys, f"{rows:,} rows")
    bench.compare(TEXTUAL, [LARGE], f"a tenant of {sizes.large:,} rows")
    trust_operators(server)
    bench.compare(TEXTUAL, [LARGE], "the same, operators marked LEAKPROOF")
    for contender in CONTENDERS:
        server.drop(contender.database)


def prepare(server, contender, sizes):
    """Migrate, and load the sales past the policies; the same rows everywhere."""
    create(server, contender)
    with Worker(contender, server) as worker:
        worker.ask("prepare", keys=["t0001"])
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
    def workers(self, found, **environment):
        """Start the processes; prove that they give each tenant the same rows."""
        some = found.keys[:: max(1, len(found.keys) // 20)]
        with contextlib.ExitStack() as stack:
            workers = [
                stack.enter_context(Worker(each, self.server, **environment))
                for each in found.contenders
            ]
            for name in found.names:
                require_same([(w.contender, answers(w, name, some)) for w in workers])
            for worker in workers:
                worker.ask("pin")
            yield workers

    def check_plans(self):
        """Hold that each query of `INDEXED` is answered by an index of the tenant's."""
        found = Found("plans", [ROWS], INDEXED, self.keys)
        with (
            self.workers(found) as [worker],
            self.server.connect(ROWS.database) as connection,
        ):
            for name in INDEXED:
                asked = {"act": "explain", "name": name, "key": self.keys[-1]}
                plan = worker.ask("query", **asked)["plan"]
                without = worker.ask("query", **asked, indexes=False)["plan"]
                if tenant_first(connection, without):
                    raise BrokenRunError(f"the check of plans passes {without}")
                good = tenant_first(connection, plan)
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
        found = Found(title, contenders, names, keys)
        rounds = self.sizes.rounds // (1 if OWN in contenders else 4)
        for generation in range(self.sizes.generations):
            with self.workers(found, PYTHONHASHSEED=str(generation + 1)) as workers:
                for number in range(rounds):
                    for name in names:
                        self.take_turns(workers, name, number, found=found)
                if not generation:
                    for name in names:
                        self.explain(workers, name, found)
        found.show(self.report)

    def take_turns(self, workers, name, number, *, found):
        asked = self.sizes.asked if len(found.keys) > 1 else 2
        keys = found.keys
        visited = [keys[(number * asked + n) * 37 % len(keys)] for n in range(asked)]
        times = {}
        for worker in rotated(workers, number):
            given = keys_for(worker.contender, visited)
            answer = worker.ask("query", act="time_queries", name=name, keys=given)
            each = {kind: v / asked * 1e6 for kind, v in answer.items()}
            times[worker.contender] = each | {"work": each["cpu"] + each["server"]}
        found.times[name].append(times)

    def explain(self, workers, name, found):
        """Note the plan, and the medians of the times that the server tells."""
        laps = defaultdict(list)
        for _ in range(3):
            for worker in workers:
                [key] = keys_for(worker.contender, found.keys[-1:])
                times = self.sizes.explained // 3
                asked = {"act": "explain", "name": name, "key": key, "times": times}
                answer = worker.ask("query", **asked)
                laps[worker.contender] += answer["times"]
                found.plans[name][worker.contender] = answer
        for contender, each in laps.items():
            planning, execution = (
                statistics.median(part) * 1000 for part in zip(*each, strict=True)
            )
            found.plans[name][contender]["times"] = planning, execution


@dataclass
class Found:
    """What was asked, and what was found out."""

    title: str
    contenders: list
    names: list
    keys: list
    times: dict = field(default_factory=lambda: defaultdict(list))
    plans: dict = field(default_factory=lambda: defaultdict(dict))

    def show(self, report):
        rows = [
            self.row(name, contender)
            for name in self.names
            for contender in self.contenders
        ]
        report.table(self.title, COLUMNS, rows)
        if OWN in self.contenders:
            report.judge(
                *(
                    at_most(
                        f"rows over hand-written, {QUERIES[name]}",
                        self.ratio(name, ROWS, "work"),
                        QUERY_TARGET,
                    )
                    for name in JUDGED
                )
            )
        plans = {
            name: {contender.name: plan for contender, plan in each.items()}
            for name, each in self.plans.items()
        }
        report.keep("rows", **{self.title: {"table": rows, "plans": plans}})

    def row(self, name, contender):
        planning, execution = self.plans[name][contender]["times"]
        return [
            f"{QUERIES[name]}: {contender.name}",
            *(
                f"{statistics.median(t[contender][kind] for t in self.times[name]):.0f}"
                for kind in ("wall", "cpu", "server")
            ),
            f"{planning:.0f} + {execution:.0f}",
            self.ratio(name, contender, "wall").text(".2f"),
            self.ratio(name, contender, "work").text(".2f"),
        ]

    def ratio(self, name, contender, kind):
        """Return the median of the rounds' ratios to what is written by hand."""
        return Median.of(
            [each[contender][kind] / each[HAND][kind] for each in self.times[name]]
        )


def answers(worker, name, keys):
    given = keys_for(worker.contender, keys)
    return worker.ask("query", act="answers", name=name, keys=given)


def require_same(answers):
    """Hold that all gave the same rows; the own table has the first tenant's."""
    (_, expected), *_ = answers
    for contender, got in answers:
        if contender is OWN:
            expected = [expected[0]] * len(expected)
        if got != expected or not all(got):
            raise BrokenRunError(f"{contender.name} has other rows: {got}")


def keys_for(contender, keys):
    """Return the tenants to ask: plain Django has only the first."""
    return keys if contender is not OWN else ["t0001"] * len(keys)
