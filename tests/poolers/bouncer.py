"""A PgBouncer of the test's own, on a free port, in front of one database."""

import os
import shutil
import socket
import subprocess
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path

from tests import servers

SERVERS = 2
CONF = """
[databases]
{name} = {target}
[pgbouncer]
listen_addr = {host}
listen_port = {port}
unix_socket_dir =
auth_type = any
admin_users = {user}
pool_mode = {mode}
default_pool_size = {size}
max_client_conn = 200
max_prepared_statements = 0
ignore_startup_parameters = extra_float_digits
# Nothing is tidied up between two clients, beyond what the mode does by itself.
server_reset_query =
log_connections = 0
log_disconnections = 0
log_stats = 0
"""


@contextmanager
def pgbouncer(database, mode, *, size=SERVERS):
    """Run one before a DATABASES entry, for a block; the value leads that to it."""
    folder = Path(tempfile.mkdtemp(prefix="tenantry-bouncer-"))
    identity = servers.lesser_identity()
    settings = {
        "name": database["NAME"],
        "target": _target(database),
        "user": database["USER"],
        "mode": mode,
        "size": size,
        "host": servers.LOCALHOST,
        "port": _free_port(),
    }
    conf = folder / "pgbouncer.ini"
    conf.write_text(CONF.format(**settings).replace(*_unknown_option()))
    if identity:
        for path in (folder, conf):
            os.chown(path, identity["user"], identity["group"])
    running = subprocess.Popen(
        [servers.pgbouncer(), str(conf)],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        **identity,
    )
    try:
        said = []
        for line in running.stderr:
            said.append(line)
            if "process up" in line:
                break
        assert running.poll() is None, "".join(said)
        reader = threading.Thread(target=running.stderr.read)
        reader.start()
        yield {"HOST": servers.LOCALHOST, "PORT": str(settings["port"])}
    finally:
        running.kill()
        running.wait()
        reader.join()
        running.stderr.close()
        shutil.rmtree(folder)


def _unknown_option():
    """Return the line that older versions do not know, and what is put there."""
    said = subprocess.run(
        [servers.pgbouncer(), "--version"], capture_output=True, text=True, check=True
    )
    version = tuple(map(int, said.stdout.split()[1].split(".")[:2]))
    line = "max_prepared_statements = 0\n"
    return line, line if version >= (1, 21) else ""


def _target(database):
    """Return the way to the server, by the entry's own role."""
    parts = {
        "host": database["HOST"],
        "port": database["PORT"],
        "dbname": database["NAME"],
        "user": database["USER"],
        "password": database["PASSWORD"],
    }
    return " ".join(f"{key}='{value}'" for key, value in parts.items() if value)


def _free_port():
    with socket.socket() as found:
        found.bind((servers.LOCALHOST, 0))
        return found.getsockname()[1]
