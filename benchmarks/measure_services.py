"""What it costs that Django's services know the tenant: a request, an activation."""

import contextlib
import random
from collections import defaultdict

from contenders import BrokenRunError, Contender, Worker
from figures import Median, at_most

PROJECT, DATABASE = "tenantry_services", "bench_services"
KNOW = Contender("with scopes", PROJECT, DATABASE, {"BENCH_SERVICES": "know"})
NONE = Contender("without", PROJECT, DATABASE, {"BENCH_SERVICES": "none"})
VIEWS = {"one": "one SELECT", "services": "one SELECT and each service once"}
TARGET_US = 30
ACTIVATION_US = 2
REQUESTS = 50


def measure(report, server, *, quick):
    report.heading("Services that know their tenant")
    keys = [f"t{n:04}" for n in range(1, 21)]
    hosts = hosts_of(keys)
    server.create(DATABASE)
    with Worker(KNOW, server) as worker:
        worker.ask("prepare", keys=keys)
    differences = defaultdict(list)
    activations = []
    for generation in range(2 if quick else 8):
        with contextlib.ExitStack() as stack:
            seed = str(generation + 1)
            know, none = (
                start(stack, each, server, keys=keys, PYTHONHASHSEED=seed)
                for each in (KNOW, NONE)
            )
            for view in VIEWS:
                differences[view] += paired(
                    know, none, view=view, hosts=hosts, pairs=15 if quick else 40
                )
            activations += know.ask("activate", keys=keys, rounds=20)
    server.drop(DATABASE)
    show(report, differences, activations)


def hosts_of(keys):
    return [f"{key}.localhost" for key in keys]


def start(stack, contender, server, *, keys, **environment):
    """Start a process and prove that it answers each host with its own rows."""
    worker = stack.enter_context(Worker(contender, server, **environment))
    for view in VIEWS:
        if view == "services" and contender is NONE:
            continue  # its cache is everybody's: that is what the scopes are for
        owners = worker.ask("verify", view=view, hosts=hosts_of(keys))
        if owners != [[key] for key in keys]:
            raise BrokenRunError(f"{contender.name} mixes tenants: {owners}")
    worker.ask("pin")
    return worker


def paired(know, none, *, view, hosts, pairs):
    """Return how many microseconds of CPU more a request takes, pair by pair."""
    found = []
    for number in range(pairs):
        visited = random.Random(number).choices(hosts, k=REQUESTS)  # noqa: S311
        order = [know, none] if number % 2 else [none, know]
        cpu = {w: w.ask("time", view=view, hosts=visited)["cpu"] for w in order}
        found.append((cpu[know] - cpu[none]) / REQUESTS * 1e6)
    return found


def show(report, differences, activations):
    rows, verdicts = [], []
    for view, found in differences.items():
        median = Median.of(found)
        rows.append([VIEWS[view], median.text(".1f"), median.count])
        figure = f"CPU µs more with all scopes, {VIEWS[view]}"
        verdicts.append(at_most(figure, median, TARGET_US, unit=" µs"))
    activation = Median.of(activations)
    rows.append(["activating a tenant", activation.text(".2f"), activation.count])
    verdicts.append(
        at_most("CPU to activate a tenant", activation, ACTIVATION_US, unit=" µs")
    )
    report.table(
        "CPU µs more than the same without", ["", "median (95 %)", "pairs"], rows
    )
    report.judge(*verdicts)
    report.keep("services", rows=rows)
