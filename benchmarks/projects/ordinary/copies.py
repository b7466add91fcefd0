"""Copies a peer's first tenant to the others: making tenants is not what is timed."""

import os
import subprocess
from pathlib import Path

from django.db import connection


def copy_schema(source, targets):
    pg_dump = Path(os.environ["BENCH_PG_BINDIR"]) / "pg_dump"
    command = [pg_dump, "--schema", source, "--inserts"]
    dumped = subprocess.run(
        [*command, connection.get_connection_params()["dbname"]],
        env=os.environ
        | {
            "PGHOST": os.environ["BENCH_HOST"],
            "PGPORT": os.environ["BENCH_PORT"],
            "PGUSER": os.environ["BENCH_USER"],
        },
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    lines = [line for line in dumped.splitlines() if not line.startswith("\\")]
    sql = "\n".join(lines)
    connection.ensure_connection()
    for target in targets:
        connection.connection.execute(sql.replace(source, target).encode())
    connection.close()  # the dump changed the session's search_path
