"""Tests that are functions get tenants by fixtures, in one process or several."""

import os
import subprocess
import sys

import pytest

from tests.projects import ROOT, SQLITE
from tests.testing.conftest import SOME

FUNCTIONS = "tests/testing/users/functions.py"


def run_pytest(project, *arguments):
    """Run a user's pytest; return its output and where workers had their tenants."""
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
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, set(places.read_text().splitlines())


@pytest.mark.parametrize("project", SOME, indirect=True)
def test_workers_have_tenants_of_their_own(project):
    """Each of two workers runs all of the tests, at the same time."""
    said, places = run_pytest(project, FUNCTIONS, "--dist=each", "--tx=2*popen")
    assert "passed" in said
    if project.isolation != SQLITE:  # in memory, both have the same name
        assert len(places) == 2
