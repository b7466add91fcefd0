"""Counts what a request costs beyond time: execute() calls, round trips, packets."""

import contextlib
import os
import socket
import struct
import sys
from collections import Counter
from pathlib import Path

import psutil
import psycopg
from psycopg import _cursor_base, generators

# struct tcp_info of Linux: how many segments with data this side has sent
DATA_SEGMENTS_OUT = 156


class Tally:
    """What was done since it was made."""

    def __init__(self):
        self.counts = Counter()
        self.texts = []


@contextlib.contextmanager
def patched(owner, name, make):
    original = getattr(owner, name)
    setattr(owner, name, make(original))
    try:
        yield
    finally:
        setattr(owner, name, original)


@contextlib.contextmanager
def tally():
    """Count until the end of the block.

    psycopg sends by two generators, which its connection and its cursor look up by
    name, in the C and the Python implementation alike. `packets()` does not rely on
    that: it asks the kernel.
    """
    result = Tally()

    def counting_calls(original):
        def execute(self, query, *args, **kwargs):
            result.counts["execute"] += 1
            result.texts.append(str(query))
            return original(self, query, *args, **kwargs)

        return execute

    def counting_trips(original):
        def generator(pgconn, *args):
            result.counts["round_trips"] += 1
            return original(pgconn, *args)

        return generator

    with contextlib.ExitStack() as stack:
        for method in ("execute", "executemany"):
            stack.enter_context(patched(psycopg.Cursor, method, counting_calls))
        stack.enter_context(patched(psycopg.ServerCursor, "execute", counting_calls))
        for owner in (_cursor_base, generators):
            for name in ("execute", "send"):
                stack.enter_context(patched(owner, name, counting_trips))
        yield result


def packets(connection):
    """Return the TCP segments with data sent to the server, None if not to be had."""
    if sys.platform != "linux" or connection.connection is None:
        return None
    descriptor = os.dup(connection.connection.pgconn.socket)
    with socket.socket(fileno=descriptor) as copy:
        info = copy.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    if len(info) < DATA_SEGMENTS_OUT + 4:
        return None
    return struct.unpack_from("I", info, DATA_SEGMENTS_OUT)[0]


def server_cpu(connection):
    """Return the seconds that the server's process for the connection has worked.

    By the kernel's own account on Linux, in nanoseconds; elsewhere in its ticks.
    """
    connection.ensure_connection()
    pid = connection.connection.info.backend_pid
    account = Path(f"/proc/{pid}/schedstat")
    if account.exists():
        return int(account.read_text(encoding="ascii").split()[0]) / 1e9
    return sum(psutil.Process(pid).cpu_times()[:2])
