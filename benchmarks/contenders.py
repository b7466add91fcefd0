"""The contenders, and the conversation with the process that each one runs in."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
PROJECTS = HERE / "projects"


class BrokenRunError(SystemExit):
    """A contender failed or answered wrongly: there is nothing to compare."""


@dataclass(frozen=True)
class Contender:
    """A project, with the variables that set it up."""

    name: str
    project: str
    database: str
    settings: dict = field(default_factory=dict, hash=False)

    def environment(self, server, **more):
        folders = [PROJECTS / self.project, PROJECTS / "ordinary"]
        if self.project.startswith("tenantry_"):  # their tenant model is the same
            folders.append(PROJECTS / "tenantry_schema")
        return os.environ | {
            "BENCH_APPLICATION_NAME": f"bench {self.name}",
            "BENCH_DATABASE": self.database,
            "BENCH_HOST": server.host,
            "BENCH_PG_BINDIR": str(server.bindir),
            "BENCH_PORT": str(server.port),
            "BENCH_USER": server.user,
            "DJANGO_SETTINGS_MODULE": "settings",
            "PATH": f"{server.bindir}{os.pathsep}{os.environ.get('PATH', '')}",
            "PYTHONDONTWRITEBYTECODE": "",  # else each process compiles our sources
            "PYTHONPATH": os.pathsep.join(map(str, folders)),
            **self.settings,
            **more,
        }


PLAIN = Contender("plain Django", "plain", "bench_plain")
PLAIN_AGAIN = Contender("plain Django (again)", "plain", "bench_plain")
TENANTRY = Contender("tenantry", "tenantry_schema", "bench_tenantry")
LIMITED = {"BENCH_LIMIT_SET_CALLS": "1"}
PEERS = [
    Contender("django-tenants", "django_tenants", "bench_dt"),
    Contender("django-tenants, limited SETs", "django_tenants", "bench_dt", LIMITED),
    Contender("django-pgschemas", "django_pgschemas", "bench_pgs"),
    Contender(
        "django-pgschemas, limited SETs", "django_pgschemas", "bench_pgs", LIMITED
    ),
]


class Worker:
    """A process that serves one contender: asked, it does a thing and tells."""

    def __init__(self, contender, server, **environment):
        self.contender = contender
        self.process = subprocess.Popen(
            [sys.executable, HERE / "worker.py"],
            env=contender.environment(server, **environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *exc_info):
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def ask(self, what, **arguments):
        try:
            self.process.stdin.write(json.dumps([what, arguments]) + "\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            raise BrokenRunError(f"{self.contender.name}: {what} failed (see above)")
        return json.loads(answer)


def manage(contender, server, *arguments, **environment):
    """Run a management command as a process of its own; return what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "django", *arguments],
        env=contender.environment(server, **environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        command = " ".join(arguments)
        raise BrokenRunError(
            f"{contender.name}: {command} failed\n{done.stdout}{done.stderr}"
        )
    return done.stdout
