"""The conformance suite, over every isolation and engine; SQLite's is run by itself."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SUITE = "tests/conformance"


def conform(settings, *paths):
    """Run the suite with those settings in a process of its own; all must pass."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        f"--ds=tests.settings.{settings}",
        "-q",
        "-p",
        "no:cacheprovider",
        *(paths or [SUITE]),
    ]
    environment = {k: v for k, v in os.environ.items() if k != "PYTEST_ADDOPTS"}
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    said = f"{done.stdout}\n{done.stderr}"
    assert done.returncode == 0, said
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed, said
    assert int(passed[1]) > 0, said


@pytest.mark.postgres
def test_postgresql_schemas_conform():
    conform("schema")


@pytest.mark.postgres
def test_postgresql_rows_conform():
    conform("row")


@pytest.mark.postgres
def test_postgresql_databases_conform():
    conform("postgres")


@pytest.mark.postgres
def test_postgresql_schemas_behind_a_pool_conform():
    names = ("pool", "concurrency", "state_machine")
    conform("pool", *(f"{SUITE}/test_{name}.py" for name in names))


@pytest.mark.postgres
def test_postgresql_schemas_with_parameters_bound_by_the_server_conform():
    names = ("statements", "binding", "pipelines", "transactions", "state_machine")
    conform("binding", *(f"{SUITE}/test_{name}.py" for name in names))


@pytest.mark.mariadb
def test_mariadb_databases_conform():
    conform("mariadb")
