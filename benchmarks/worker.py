"""Serves one contender's project in this process, as told on standard input.

A line is a JSON list, [what, arguments]; the answer is a line of JSON. Whatever else
is printed goes to standard error.
"""

import contextlib
import gc
import io
import itertools
import json
import os
import sys
import time
from collections import Counter

import counting
import django
import psutil
import testing


class Site:
    """The project's WSGI handler, and requests for it."""

    def __init__(self):
        from django.core.handlers.wsgi import WSGIHandler  # noqa: PLC0415

        self.handler = WSGIHandler()
        self.body = b""

    def environs(self, view, hosts):
        ordinary = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": "",
            "PATH_INFO": f"/{view}/",
            "QUERY_STRING": "",
            "SERVER_NAME": "localhost",
            "SERVER_PORT": "80",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_ACCEPT": "text/html,application/json;q=0.9,*/*;q=0.8",
            "HTTP_USER_AGENT": "benchmark",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": False,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
        }
        return [
            ordinary | {"HTTP_HOST": host, "wsgi.input": io.BytesIO()} for host in hosts
        ]

    def serve(self, environ):
        response = self.handler(environ, self.started)
        self.body = b"".join(response)
        response.close()

    def started(self, status, headers):
        if status != "200 OK":
            raise RuntimeError(f"{status} {headers}")


def prepare(keys):
    """Make the contender's tenants."""
    import provision  # noqa: PLC0415

    started = time.perf_counter()
    made = provision.make(keys)
    return {"seconds": time.perf_counter() - started, "made": made}


def query(act, **given):
    """Do a thing of `querying`, which only projects with sales have."""
    import querying  # noqa: PLC0415

    return getattr(querying, act)(**given)


def verify(site, view, hosts):
    """Return the owners that the answers name: each host's own tenant, if all is well.

    Also warms up: afterwards everything is imported and every cache is filled.
    """
    owners = []
    for environ in site.environs(view, hosts):
        site.serve(environ)
        names = json.loads(site.body)["names"]
        owners.append(sorted({name.split()[0] for name in names}))
    gc.collect()
    gc.freeze()
    return owners


def time_requests(site, *, view, hosts, warm_up=3):
    """Serve the hosts in order; return wall and CPU seconds of all together."""
    environs = site.environs(view, itertools.chain(hosts[:warm_up], hosts))
    for environ in environs[:warm_up]:
        site.serve(environ)
    timed = environs[warm_up:]
    gc.collect()
    gc.disable()
    server = server_cpu()
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for environ in timed:
        site.serve(environ)
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    gc.enable()
    answer = {"wall": wall / 1e9, "cpu": cpu / 1e9}
    if server is not None:
        answer["server"] = server_cpu() - server
    return answer


def server_cpu():
    from django.db import connection  # noqa: PLC0415

    return counting.server_cpu(connection) if server_process() else None


def server_process():
    """Return the server's process for our connection, if it is on this machine."""
    from django.db import connection  # noqa: PLC0415

    if connection.vendor != "postgresql" or connection.connection is None:
        return None
    with contextlib.suppress(psutil.Error):
        return psutil.Process(connection.connection.info.backend_pid)
    return None


def pin():
    """Put this process and its server's on one processor, where that can be done.

    They never work at the same time, and a pair of processors shares caches and power
    with others: seen, CPU time of the same project in two processes 1.5 apart.
    """
    processor = max(os.sched_getaffinity(0)) if sys.platform == "linux" else None
    if processor is None:
        return False
    with contextlib.suppress(psutil.Error):
        psutil.Process().cpu_affinity([processor])
        if server := server_process():
            server.cpu_affinity([processor])
        return True
    return False


def count_requests(site, view, hosts):
    """Count per request; return how often each result was seen, and its SQL."""
    from django.db import connection  # noqa: PLC0415

    results = Counter()
    texts = {}
    for environ in site.environs(view, hosts):
        before = counting.packets(connection)
        with counting.tally() as found:
            site.serve(environ)
        after = counting.packets(connection)
        sent = -1 if before is None else after - before
        result = (found.counts["execute"], found.counts["round_trips"], sent)
        results[result] += 1
        texts.setdefault(result, found.texts)
    return [
        {
            "execute": execute,
            "round_trips": trips,
            "packets": packets,
            "requests": times,
            "texts": texts[execute, trips, packets],
        }
        for (execute, trips, packets), times in results.most_common()
    ]


def pace_requests(site, *, view, hosts, seconds, rate):
    """Serve the hosts at a rate; return counts by request, as over time."""
    deadline = time.monotonic() + seconds
    found = []
    for host in itertools.cycle(hosts):
        if time.monotonic() > deadline:
            return found
        found.extend(count_requests(site, view, [host]))
        time.sleep(1 / rate)
    return found


def activate(keys, rounds, times=1000):
    """Return how many microseconds of CPU activating a tenant takes, round by round.

    Interleaved with the same loop around a block that does nothing.
    """
    from django.apps import apps  # noqa: PLC0415

    from tenantry import override_tenant  # noqa: PLC0415

    tenants = apps.get_model("customers.Tenant").objects.filter(key__in=keys)
    refs = itertools.cycle([tenant.ref for tenant in tenants])

    def seconds(block):
        chosen = list(itertools.islice(refs, times))
        started = time.process_time_ns()
        for ref in chosen:
            with block(ref):
                pass
        return (time.process_time_ns() - started) / 1e9

    return [
        (seconds(override_tenant) - seconds(contextlib.nullcontext)) / times * 1e6
        for _ in range(rounds)
    ]


def footprint():
    """Return this process' memory, and what it holds open."""
    gc.collect()
    process = psutil.Process()
    files = [file.path for file in process.open_files()]
    databases = [path for path in files if path.endswith(".sqlite3")]
    answer = {
        "rss": process.memory_info().rss,
        "descriptors": process.num_fds(),
        "sqlite": len(set(databases)),
    }
    if server := server_process():
        with contextlib.suppress(psutil.Error):
            memory = server.memory_info()
            answer["server"] = memory.rss - getattr(memory, "shared", 0)
    return answer


def answers():
    site = Site()
    return {
        "verify": lambda **given: verify(site, **given),
        "time": lambda **given: time_requests(site, **given),
        "count": lambda **given: count_requests(site, **given),
        "pace": lambda **given: pace_requests(site, **given),
        "footprint": footprint,
        "activate": activate,
        "pin": pin,
        "prepare": prepare,
        "query": query,
        "test": testing.databases.run,
        "leave_tests": testing.databases.leave,
    }


def main():
    channel, sys.stdout = sys.stdout, sys.stderr
    django.setup()
    known = answers()
    for line in sys.stdin:
        what, arguments = json.loads(line)
        print(json.dumps(known[what](**arguments)), file=channel, flush=True)


if __name__ == "__main__":
    main()
