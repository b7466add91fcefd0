"""Asks for a tenant's sales through the ORM; times it, and has it explained."""

import gc
import time
from contextlib import nullcontext

import counting
import sales_queries
import scope
from django.db import connection, transaction

ROWS_PER_KEY = 1_000_000
NO_INDEX = "SET LOCAL enable_indexscan = off; SET LOCAL enable_bitmapscan = off"


def first_of(key):
    """Return the number below the tenant's first primary key."""
    return int(key[1:]) * ROWS_PER_KEY


def ask(name, key):
    return scope.within(key, lambda rows: sales_queries.ask(name, rows, first_of(key)))


def answers(*, name, keys):
    """Return what each tenant gets: primary keys, or the number of rows."""
    found = [ask(name, key) for key in keys]
    gc.collect()
    gc.freeze()
    return [
        each if isinstance(each, int) else sorted(row.pk for row in each)
        for each in found
    ]


def time_queries(*, name, keys):
    """Ask for each key; return wall and CPU seconds, the server's as well."""
    ask(name, keys[0])
    gc.collect()
    gc.disable()
    server = counting.server_cpu(connection)
    cpu, wall = time.process_time_ns(), time.perf_counter_ns()
    for key in keys:
        ask(name, key)
    wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
    server = counting.server_cpu(connection) - server
    gc.enable()
    return {"wall": wall / 1e9, "cpu": cpu / 1e9, "server": server}


def explain(*, name, key, times=1, indexes=True):
    """Return the statement, its plan, and milliseconds of planning and executing it."""
    seen = []

    def note(execute, sql, params, *more):
        seen.append((sql, params))
        return execute(sql, params, *more)

    with connection.execute_wrapper(note):
        ask(name, key)
    [(sql, params)] = seen
    found = scope.within(
        key, lambda _: [explained(sql, params, indexes=indexes) for _ in range(times)]
    )
    return {
        "sql": sql % tuple(map(repr, params)) if params else sql,
        "plan": found[0]["Plan"],
        "times": [(each["Planning Time"], each["Execution Time"]) for each in found],
    }


def explained(sql, params, *, indexes):
    block = nullcontext() if indexes else transaction.atomic()
    with block, connection.cursor() as cursor:
        if not indexes:
            cursor.execute(NO_INDEX)
        cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", params)
        [[[plan]]] = cursor.fetchall()
    return plan
