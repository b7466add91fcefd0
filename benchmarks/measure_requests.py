"""What a request costs: time, statements, round trips; plain, tenantry, peers."""

import contextlib
import random
import statistics
from collections import defaultdict
from dataclasses import dataclass

from contenders import PEERS, PLAIN, PLAIN_AGAIN, TENANTRY, BrokenRunError, Worker
from figures import Median, at_most, holds

VIEWS = {"one": "one SELECT", "ten": "ten SELECTs"}
MODES = {
    "steady": "the same tenant again and again",
    "switch": "another tenant each time",
}
CASES = [(view, mode) for view in VIEWS for mode in MODES]
CPU_TARGET = 1.05
COLUMNS = [
    "",
    "µs",
    "x plain",
    "CPU µs",
    "x plain",
    "server CPU µs",
    "round trips",
    "execute()",
    "statements (SETs)",
]


def title(case):
    view, mode = case
    return f"{VIEWS[view]}, {mode}"


@dataclass(frozen=True)
class Sizes:
    """How much is measured."""

    rounds: int
    requests: dict
    generations: int
    pairs: int
    counted: int
    paced_seconds: float


FULL = Sizes(20, {"one": 100, "ten": 20}, 8, 40, 300, 15)
QUICK = Sizes(4, {"one": 50, "ten": 15}, 2, 15, 100, 5)


def measure(report, server, *, tenants, quick):
    report.heading(f"Requests, {tenants} tenants")
    bench = Bench(report, server, tenants=tenants, sizes=QUICK if quick else FULL)
    bench.prepare()
    bench.compare_all()
    bench.show_setting()
    bench.compare_cpu()
    for database in bench.by_database:
        server.drop(database)


class Bench:
    """The contenders, their tenants, and what is found out about them."""

    def __init__(self, report, server, *, tenants, sizes):
        self.report = report
        self.server = server
        self.sizes = sizes
        self.keys = [f"t{n:04}" for n in range(1, tenants + 1)]
        self.hosts = [f"{key}.localhost" for key in self.keys]
        self.contenders = [PLAIN, TENANTRY, *PEERS]
        self.by_database = {c.database: c for c in reversed(self.contenders)}

    def prepare(self):
        for database, contender in self.by_database.items():
            self.server.create(database)
            with Worker(contender, self.server) as worker:
                seconds = worker.ask("prepare", keys=self.keys)["seconds"]
            self.report.note(f"prepared {contender.project}: {seconds:.1f} s")
            with self.server.connect(database) as connection:
                connection.execute("VACUUM ANALYZE")  # or autovacuum will, at any time

    def start(self, stack, contender, **environment):
        """Start a process and prove that it answers each host with its own rows."""
        worker = stack.enter_context(Worker(contender, self.server, **environment))
        plain = contender.project == PLAIN.project
        expected = [["plain" if plain else key] for key in self.keys]
        for view in VIEWS:
            owners = worker.ask("verify", view=view, hosts=self.hosts)
            if owners != expected:
                raise BrokenRunError(f"{contender.name} mixes tenants: {owners}")
        worker.ask("pin")
        return worker

    def sequence(self, mode, count, seed):
        """Return hosts to visit: the same for every contender."""
        if mode == "steady":
            return [self.hosts[seed % len(self.hosts)]] * count
        chosen = random.Random(seed)  # noqa: S311  (not a secret)
        result = [chosen.choice(self.hosts)]
        while len(result) < count:
            result.append(chosen.choice([h for h in self.hosts if h != result[-1]]))
        return result

    # --- all contenders, in turn ---

    def compare_all(self):
        with contextlib.ExitStack() as stack:
            workers = [self.start(stack, each) for each in self.contenders]
            counts = {w.contender: self.count(w) for w in workers}
            times = self.time(workers)
            clock = self.by_the_clock(workers[1])
        for case in CASES:
            rows = [
                row_of(each, times[each][case], times[PLAIN][case], counts[each][case])
                for each in self.contenders
            ]
            view, mode = case
            self.report.table(f"{VIEWS[view]}: {MODES[mode]}", COLUMNS, rows)
            self.report.keep("requests", **{f"{view} {mode}": rows})
        self.report.note(
            "\nMedians of interleaved rounds. CPU: the process' own; server CPU: its"
            " backend's.\nStatements: as pg_stat_statements counts them, SETs included."
        )
        self.report.judge(*judge_counts(counts), *judge_peers(times))
        self.show_packets(counts)
        self.show_clock(clock)

    def count(self, worker):
        """Return, by view and mode, what the typical request does."""
        found = {}
        for view, mode in CASES:
            visited = self.sequence(mode, self.sizes.counted, 1)
            typical, *_ = worker.ask("count", view=view, hosts=visited)
            statements = self.count_statements(worker, view, visited)
            found[view, mode] = typical | {"statements": statements}
        return found

    def count_statements(self, worker, view, hosts):
        """Return the statements per request that the server counted, by kind."""
        if not self.server.counts_statements:
            return None
        self.server.query("SELECT pg_stat_statements_reset()")
        worker.ask("time", view=view, hosts=hosts, warm_up=0)
        rows = self.server.query(
            "SELECT s.query ILIKE 'SET %%', sum(s.calls) FROM pg_stat_statements s"
            " JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = %s GROUP BY 1",
            worker.contender.database,
        )
        return {
            "SET" if is_set else "other": float(calls) / len(hosts)
            for is_set, calls in rows
        }

    def time(self, workers):
        """Time each contender in turn, round after round; return µs per request."""
        times = {w.contender: defaultdict(list) for w in workers}
        for number in range(self.sizes.rounds):
            for view, mode in CASES:
                count = self.sizes.requests[view]
                visited = self.sequence(mode, count, number)
                for worker in rotated(workers, number):
                    answer = worker.ask("time", view=view, hosts=visited)
                    each = {kind: v / count * 1e6 for kind, v in answer.items()}
                    times[worker.contender][view, mode].append(each)
        return times

    def show_packets(self, counts):
        """Say whether the kernel agrees with the counted round trips."""
        seen = [
            (typical["round_trips"], typical["packets"])
            for cases in counts.values()
            for typical in cases.values()
        ]
        if any(packets < 0 for _, packets in seen):
            return
        agree = all(trips == packets for trips, packets in seen)
        self.report.note(
            "\nThe kernel counted as many packets sent to the server as round trips."
            if agree
            else f"\nBut the kernel counted other packets than round trips: {seen}"
        )

    # --- what is not of a request ---

    def by_the_clock(self, worker):
        """Serve at an easy rate, to see what a process does now and then."""
        seconds = self.sizes.paced_seconds
        results = worker.ask(
            "pace", view="one", hosts=self.hosts, seconds=seconds, rate=50
        )
        usual = min(result["execute"] for result in results)
        extra = [result for result in results if result["execute"] > usual]
        return {
            "calls": sum(result["execute"] - usual for result in extra),
            "text": extra[0]["texts"][0] if extra else "",
        }

    def show_clock(self, clock):
        seconds = self.sizes.paced_seconds
        per_minute = clock["calls"] / seconds * 60
        self.report.note(
            f"\nBy the clock, not by the request: {clock['calls']} execute() in"
            f" {seconds:g} s in one process, about {per_minute:.0f} a minute, to ask"
            f" whether the catalog changed."
            + (f"\n    {clock['text']}" if clock["text"] else "")
        )
        self.report.keep("requests", by_the_clock_per_minute=per_minute)

    def show_setting(self):
        """Say what the carried setting costs in pg_stat_statements."""
        if not self.server.counts_statements:
            self.report.note("This server has no pg_stat_statements to look at.")
            return
        visited = self.sequence("switch", self.sizes.counted * 3, 2)
        with contextlib.ExitStack() as stack:
            worker = self.start(stack, TENANTRY)
            self.server.query("SELECT pg_stat_statements_reset()")
            worker.ask("time", view="ten", hosts=visited, warm_up=0)
        rows = self.server.query(
            "SELECT s.query ILIKE 'SET %%', count(*), sum(calls),"
            " sum(total_exec_time) / sum(calls) * 1000"
            " FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
            " WHERE d.datname = %s GROUP BY 1",
            TENANTRY.database,
        )
        found = {is_set: values for is_set, *values in rows}
        if True not in found:
            self.report.note("\npg_stat_statements saw no SET.")
            return
        entries, calls, mean = found[True]
        other_entries, other_calls, other_mean = found[False]
        self.report.note(
            "\nThe carried setting in pg_stat_statements (track_utility on):"
            f"\n    {entries} entries for {len(set(visited))} tenants, beside"
            f" {other_entries} for the tenants' statements;"
            f"\n    {calls / other_calls:.2f} calls a statement, {mean:.2f} µs each;"
            f" the statements themselves {other_mean:.2f} µs each."
            "\n`pg_stat_statements.track_utility = off` leaves the settings out."
        )
        setting = {"entries": entries, "mean": mean, "statement_mean": other_mean}
        self.report.keep("requests", setting=setting)

    # --- plain and tenantry, pair by pair ---

    def compare_cpu(self):
        """Compare CPU time in pairs of rounds, each generation in fresh processes.

        Two processes of the very same project differ by a little for as long as they
        live (memory layout, hash seeds): hence the generations, and the control.
        """
        self.report.heading("CPU time against plain Django, pair by pair")
        ratios = {TENANTRY: defaultdict(list), PLAIN_AGAIN: defaultdict(list)}
        for generation in range(self.sizes.generations):
            with contextlib.ExitStack() as stack:
                plain, *others = (
                    self.start(stack, each, PYTHONHASHSEED=str(generation + 1))
                    for each in (PLAIN, TENANTRY, PLAIN_AGAIN)
                )
                for case in CASES:
                    for other in others:
                        found = self.paired(plain, other, case)
                        ratios[other.contender][case].append(found)
        self.show_cpu(ratios)

    def paired(self, plain, other, case):
        view, mode = case
        count = self.sizes.requests[view] // 2
        ratios = []
        for number in range(self.sizes.pairs):
            visited = self.sequence(mode, count, number)
            order = [plain, other] if number % 2 else [other, plain]
            cpu = {w: w.ask("time", view=view, hosts=visited)["cpu"] for w in order}
            ratios.append(cpu[other] / cpu[plain])
        return ratios

    def show_cpu(self, ratios):
        rows, verdicts = [], []
        for case in CASES:
            for contender, found in ratios.items():
                whole = Median.of([ratio for each in found[case] for ratio in each])
                middles = sorted(map(statistics.median, found[case]))
                between = f"{middles[0]:.3f} to {middles[-1]:.3f}"
                name = f"{title(case)}: {contender.name}"
                rows.append([name, whole.text(), whole.count, between])
                if contender is TENANTRY:
                    figure = f"CPU time over plain Django's, {title(case)}"
                    verdicts.append(at_most(figure, whole, CPU_TARGET))
        self.report.table(
            "CPU time divided by plain Django's; 'again' is a control, plain by plain",
            ["", "median (95 % interval)", "pairs", "medians of processes"],
            rows,
        )
        self.report.judge(*verdicts)
        self.report.keep("cpu", pairs=rows)


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def median_of(rounds, kind):
    return statistics.median(each[kind] for each in rounds)


def row_of(contender, rounds, plain, *counted):
    [typical] = counted
    wall, cpu = median_of(rounds, "wall"), median_of(rounds, "cpu")
    server = "?"
    if "server" in rounds[0]:
        server = f"{statistics.mean(each['server'] for each in rounds):.0f}"
    kinds = typical["statements"]
    statements = "?"
    if kinds is not None:
        statements = f"{sum(kinds.values()):.4g} ({kinds.get('SET', 0):.4g})"
    return [
        contender.name,
        f"{wall:.0f}",
        f"{wall / median_of(plain, 'wall'):.2f}",
        f"{cpu:.0f}",
        f"{cpu / median_of(plain, 'cpu'):.2f}",
        server,
        typical["round_trips"],
        typical["execute"],
        statements,
    ]


def judge_counts(counts):
    for what, name in [("round_trips", "round trips"), ("execute", "execute() calls")]:
        more = max(
            counts[TENANTRY][case][what] - counts[PLAIN][case][what] for case in CASES
        )
        yield at_most(f"{name} more than plain Django", more, 0)


def judge_peers(times):
    for case in CASES:
        ours = median_of(times[TENANTRY][case], "wall")
        best, peer = min(
            (median_of(times[each][case], "wall"), each.name) for each in PEERS
        )
        yield holds(
            f"ahead of both peers, {title(case)}",
            f"{ours:.0f} µs",
            f"under {best:.0f} µs ({peer})",
            met=ours < best,
        )
