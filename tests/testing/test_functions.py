"""Tests that are functions get tenants by fixtures, in one process or several."""

import copy
import os
import subprocess
import sys

import pytest

from tests import servers
from tests.projects import PROVE, ROOT, SQLITE
from tests.testing.conftest import EVERY

FUNCTIONS = "tests/testing/users/functions.py"

pytestmark = pytest.mark.service(
    "Tests of your project",
    "pytest-django, pytest-xdist",
    by="tenants of each worker's own, and a transaction in each",
)


def run_pytest(project, *arguments):
    """Run a user's pytest; return how it ended and where workers had their tenants."""
    places = project.folder / "places"
    places.write_text("")
    plugins = ("pytest_django.plugin", "xdist.plugin", "tenantry.testing.plugin")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-c", os.devnull, "--rootdir", ROOT]
        + [part for name in plugins for part in ("-p", name)]
        + ["-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={
            **project.environment(),
            "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
            "TENANTRY_TEST_PLACES": str(places),
        },
        capture_output=True,
        text=True,
        check=False,
    )
    return done, set(places.read_text().splitlines())


@pytest.mark.parametrize("project", EVERY if PROVE else EVERY[2:3], indirect=True)
def test_workers_have_tenants_of_their_own(project):
    """Each of two workers runs all of the tests, at the same time."""
    done, places = run_pytest(project, FUNCTIONS, "--dist=each", "--tx=2*popen")
    assert done.returncode == 0, done.stdout + done.stderr
    if project.isolation != SQLITE:  # in memory, both have the same name
        assert len(places) == 2


@pytest.mark.parametrize("project", EVERY[2:3], indirect=True)
def test_a_role_that_sees_all_rows_is_refused(project):
    """As superuser, which most test databases are made by, nothing would be proven.

    Django's own runner tells the same by a check.
    """
    before = copy.deepcopy(project.settings)
    mighty = {name: servers.postgres()[name] for name in ("USER", "PASSWORD")}
    databases = {
        alias: {**each, **mighty} for alias, each in before["DATABASES"].items()
    }
    project.change(DATABASES=databases)
    try:
        done, _ = run_pytest(project, f"{FUNCTIONS}::test_requests_know_their_tenant")
        assert done.returncode
        assert "would prove nothing." in done.stdout
        assert "can get around the policies" in done.stdout
    finally:
        project.change(**before)
