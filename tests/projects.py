"""Projects in a database of their own, driven through processes that may be killed.

A server process has the project's Django ready and no connection open; each act is a
fork of it, thus a fresh process without the price of starting one.
"""

import contextlib
import json
import os
import secrets
import shutil
import signal
import sqlite3
import subprocess
import sys
import traceback
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

from tests import servers
from tests.settings import base

ROOT = Path(__file__).resolve().parent.parent
PROVE = bool(os.environ.get("TENANTRY_PROVE"))
DATABASE = "tenantry.isolation.DatabaseIsolation"
SCHEMA = "tenantry.isolation.SchemaIsolation"
ROWS = "tenantry.isolation.RowIsolation"
SQLITE, POSTGRES, MARIADB = "sqlite", "postgres", "mariadb"
ISOLATIONS = [
    SQLITE,
    pytest.param("schema", marks=pytest.mark.postgres),
    pytest.param("row", marks=pytest.mark.postgres),
    pytest.param(POSTGRES, marks=pytest.mark.postgres),
    pytest.param(MARIADB, marks=pytest.mark.mariadb),
]
# Where each tenant has tables of its own; then those that a transaction unmakes.
APART = [each for each in ISOLATIONS if getattr(each, "values", [each])[0] != "row"]
TRANSACTIONAL = APART[:2]
# The tenants' rows, in all tables that mark them.
MARKS = """
    SELECT DISTINCT mark FROM (
        SELECT unnest(xpath('//m/text()', query_to_xml(format(
            'SELECT DISTINCT tenantry_key AS m FROM %I.%I', n.nspname, c.relname),
            true, false, '')))::text AS mark
        FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind = 'r'
        JOIN pg_namespace n ON n.oid = c.relnamespace WHERE a.attname = 'tenantry_key'
    ) found WHERE mark <> '~template'
"""


class Failed(AssertionError):
    """A process did not end as it should."""


@dataclass(frozen=True)
class Done:
    """How a process ended, and what it said."""

    status: int
    out: str
    err: str
    result: object = None

    @property
    def killed(self):
        """Whether it was killed by `kill -9`."""
        return self.status == -signal.SIGKILL

    def ok(self):
        """Return itself; fail where the process did."""
        if self.status:
            msg = f"exit status {self.status}\n{self.out}\n{self.err}"
            raise Failed(msg)
        return self


class Running:
    """A process at work."""

    def __init__(self, project, pid, folder):
        self.project = project
        self.pid = pid
        self.folder = folder

    def wait(self):
        """Return how it ended."""
        status = self.project.ask({"wait": self.pid})["status"]
        result = self.folder / "result"
        return Done(
            status,
            (self.folder / "out").read_text(),
            (self.folder / "err").read_text(),
            json.loads(result.read_text()) if result.exists() else None,
        )


class Project:
    """A project with its own settings and database; closed, nothing of it is left."""

    module = "tests.settings.project"
    warnings = "error"
    packages = ()  # folders of packages that come before those installed
    inherited = [p for p in [os.environ.get("PYTHONPATH")] if p]
    variables = {}  # what else is in the environment of processes

    def __init__(self, isolation, folder, *, copy_of=None, **settings):
        self.isolation = isolation
        self.folder = folder
        self.name = f"tenantry_{secrets.token_hex(4)}"
        self.server = None
        self.acts = 0
        (folder / "acts").mkdir(parents=True)
        self.create_database(copy_of)
        self.settings = {
            "DATABASES": self.databases(),
            "TENANTRY": self.tenantry(),
            **settings,
        }

    def database(self):
        """Return the entry of DATABASES."""
        if self.isolation == SQLITE:
            return {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(self.folder / "shared.sqlite3"),
                "OPTIONS": {"timeout": 20, "transaction_mode": "IMMEDIATE"},
            }
        if self.isolation == MARIADB:
            return {**servers.mariadb(), "NAME": self.name}
        found = {**servers.postgres(), "NAME": self.name}
        if self.isolation == "schema":
            found["ENGINE"] = "tenantry.backends.postgresql"
        return found

    def databases(self):
        """Return DATABASES; row isolation has a role that serves, and one that owns."""
        if self.isolation != "row":
            return {"default": self.database()}
        roles = servers.postgres_roles()
        return {
            "default": {**roles["serving"], "NAME": self.name},
            "owner": {**roles["owner"], "NAME": self.name},
        }

    def tenantry(self):
        """Return the TENANTRY setting."""
        if self.isolation == "row":
            return base.tenantry(ROWS, OWNER_DATABASE="owner")
        if self.isolation == SQLITE:
            return base.tenantry(DATABASE, DIRECTORY=str(self.folder / "tenants"))
        if self.isolation == "schema":
            return base.tenantry(SCHEMA)
        return base.tenantry(DATABASE, NAME=self.name + "_{key}", MAX_OPEN=20)

    # The server's side of the database.

    def execute(self, sql, database=None):
        """Run a statement on the server, past Django; return the rows."""
        if self.isolation == MARIADB:
            import MySQLdb

            facts = servers.mariadb()
            connection = MySQLdb.connect(
                host=facts["HOST"],
                port=int(facts["PORT"]),
                user=facts["USER"],
                password=facts["PASSWORD"],
                autocommit=True,
            )
            with contextlib.closing(connection), connection.cursor() as cursor:
                cursor.execute(sql)
                return cursor.fetchall()
        import psycopg

        facts = servers.postgres()
        with psycopg.connect(
            host=facts["HOST"],
            port=facts["PORT"],
            user=facts["USER"],
            password=facts["PASSWORD"],
            dbname=database or "postgres",
            autocommit=True,
        ) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def create_database(self, copy_of):
        """Make the shared database, empty or as a copy of another project's."""
        if self.isolation == SQLITE:
            if copy_of is not None:
                shutil.copy(copy_of.folder / "shared.sqlite3", self.folder)
            return
        like = f" TEMPLATE {copy_of.name}" if copy_of is not None else ""
        if self.isolation == "row":
            like += f" OWNER {servers.postgres_roles()['owner']['USER']}"
        self.execute(f"CREATE DATABASE {self.name}{like}")

    def restore(self, origin):
        """Begin anew with a copy of another project, of schemas or SQLite files."""
        self.drop_databases()
        shutil.rmtree(self.folder / "tenants", ignore_errors=True)
        for path in self.folder.glob("shared.sqlite3*"):
            path.unlink()
        self.create_database(origin)
        if (origin.folder / "tenants").exists():
            shutil.copytree(origin.folder / "tenants", self.folder / "tenants")

    def drop_databases(self):
        """Remove the shared database, the tenants' and the templates'."""
        if self.isolation == SQLITE:
            return
        rows = self.isolation == "row"
        for name in [*([] if rows else self.locations(templates=True)), self.name]:
            if self.isolation == MARIADB:
                self.execute(f"DROP DATABASE IF EXISTS `{name}`")
            elif self.isolation == POSTGRES or name == self.name:
                self.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    def locations(self, *, templates=False):
        """Return every schema, database or file that is there beside the shared one."""
        if self.isolation == SQLITE:
            folder = self.folder / "tenants"
            files = (str(p.relative_to(folder)) for p in folder.rglob("*"))
            found = [name for name in files if (folder / name).is_file()]
            return sorted(n for n in found if templates or n[:9] != "template/")
        if self.isolation == "schema":
            rows = self.execute(
                "SELECT nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname "
                "NOT IN ('public', 'tenantry_shared', 'information_schema')",
                self.name,
            )
            return sorted(row[0] for row in rows)
        if self.isolation == "row":
            return sorted(row[0] for row in self.execute(MARKS, self.name))
        if self.isolation == MARIADB:
            rows = self.execute(f"SHOW DATABASES LIKE '{self.name}\\_%'")
        else:
            rows = self.execute(
                f"SELECT datname FROM pg_database WHERE datname ~ '^{self.name}_'"
            )
        kept = self.templates() if templates else []
        return sorted([*(row[0] for row in rows), *kept])

    def templates(self):
        """Return the databases that are kept as templates."""
        sql = "SELECT token FROM {}tenantry_storedtemplate"
        try:
            if self.isolation == MARIADB:
                rows = self.execute(sql.format(self.name + "."))
            else:
                rows = self.execute(sql.format(""), self.name)
        except Exception:  # noqa: BLE001  (never migrated)
            return []
        return [row[0] for row in rows]

    # Processes.

    def change(self, **settings):
        """Change settings: processes from now on have them."""
        self.close_server()
        self.settings.update(settings)

    def environment(self):
        """Return the environment of the project's processes."""
        return {
            **os.environ,
            **self.variables,
            "DJANGO_SETTINGS_MODULE": self.module,
            "TENANTRY_TEST_PROJECT": json.dumps(self.settings),
            "PYTHONPATH": os.pathsep.join(
                map(str, [self.folder, *self.packages, *self.inherited, ROOT])
            ),
            "PYTHONDONTWRITEBYTECODE": "1",  # tests write modules anew
            "PYTHONWARNINGS": self.warnings,
        }

    def ask(self, question):
        """Let the server act; return its answer."""
        if self.server is None:
            self.server = subprocess.Popen(
                [sys.executable, "-m", "tests.projects"],
                cwd=ROOT,
                env=self.environment(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        self.server.stdin.write(json.dumps(question) + "\n")
        self.server.stdin.flush()
        answer = self.server.stdout.readline()
        if not answer:
            msg = "the project's process ended; its stderr says why"
            raise Failed(msg)
        return json.loads(answer)

    def start(self, function, *args, **kwargs):
        """Call a test module's function in a new process; do not wait."""
        act = [function.__module__, function.__qualname__, args, kwargs]
        return self._start({"call": act})

    def _start(self, question):
        self.acts += 1
        folder = self.folder / "acts" / str(self.acts)
        folder.mkdir()
        answer = self.ask({**question, "folder": str(folder)})
        return Running(self, answer["pid"], folder)

    def attempt(self, function, *args, **kwargs):
        """Call a function in a new process; return how that ended."""
        return self.start(function, *args, **kwargs).wait()

    def call(self, function, *args, **kwargs):
        """Return what the function returned in a new process, as JSON has it."""
        return self.attempt(function, *args, **kwargs).ok().result

    def manage(self, *argv, say=""):
        """Run `manage.py`; return how it ended. *say* is what it reads."""
        return self._start({"manage": argv, "say": say}).wait()

    def close_server(self):
        """End the server process."""
        if self.server is not None:
            self.server.stdin.close()
            self.server.wait()
            self.server.stdout.close()
            self.server = None

    def close(self):
        """End the processes, remove the databases and files."""
        self.close_server()
        self.drop_databases()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def migrated(isolation, folder):
    """Make a project whose shared database is migrated, for a block."""
    made = Project(isolation, folder)
    try:
        made.manage("migrate", "-v0").ok()
        yield made
    finally:
        made.close()


class Barrier:
    """Holds processes at a point until the test lets all of them go on."""

    def __init__(self, folder, names):
        self.folder = folder
        self.names = names
        for name in names:
            os.mkfifo(folder / f"{name}.there")
            os.mkfifo(folder / f"{name}.go")

    def open(self):
        """Wait until all are there, then let them go."""
        for name in self.names:
            (self.folder / f"{name}.there").read_text()
        for name in self.names:
            self.release(name)

    def release(self, name):
        """Let one process go on."""
        (self.folder / f"{name}.go").write_text("")


def wait_at(folder, name):
    """Wait, in a process, until the test opens its `Barrier`."""
    Path(folder, f"{name}.there").write_text("")
    Path(folder, f"{name}.go").read_text()


def rows_of(path, sql):
    """Return the rows of a query on a SQLite file."""
    with contextlib.closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


# --- The server process.


def serve():
    """Answer questions, one a line, until there are no more."""
    with os.fdopen(os.dup(0)) as questions, os.fdopen(os.dup(1), "w") as answers:
        answer_all(questions, answers)


def answer_all(questions, answers):
    """Get Django ready, then fork for each question."""
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    import django

    django.setup()
    for line in questions:
        question = json.loads(line)
        if "wait" in question:
            status = os.waitstatus_to_exitcode(os.waitpid(question["wait"], 0)[1])
            answer = {"status": status}
        else:
            pid = os.fork()
            if not pid:
                act(question)
            answer = {"pid": pid}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def act(question):
    """Do what is asked, in the forked process, and end it."""
    folder = Path(question["folder"])
    (folder / "in").write_text(question.get("say", ""))
    for number, name, mode in ((0, "in", "r"), (1, "out", "w"), (2, "err", "w")):
        with (folder / name).open(mode) as file:
            os.dup2(file.fileno(), number)
    sys.stdin = open(0, closefd=False)  # noqa: SIM115
    status = 1
    try:
        if "manage" in question:
            from django.core.management import execute_from_command_line

            execute_from_command_line(["manage.py", *question["manage"]])
        else:
            module, name, args, kwargs = question["call"]
            result = getattr(import_module(module), name)(*args, **kwargs)
            (folder / "result").write_text(json.dumps(result, default=str))
        status = 0
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # noqa: BLE001  (shown by the test)
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    serve()
