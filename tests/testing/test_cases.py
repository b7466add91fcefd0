"""Test cases of users' projects run in tenants, and leave nothing behind."""

import pytest

from tests.projects import SQLITE
from tests.testing.conftest import SOME

CASES = "tests.testing.users.cases"
TWO_CLASSES = [f"{CASES}.First", f"{CASES}.Second"]

pytestmark = pytest.mark.service(
    "Tests of your project",
    "test cases, clients",
    by="tenants of the test's own, and a transaction in each",
)


def left_over(project):
    """Return the test databases, and what belongs to them."""
    if project.isolation == SQLITE:
        return sorted(path.name for path in project.folder.glob("test*"))
    like = f"test_{project.name}%"
    sql = f"SELECT datname FROM pg_database WHERE datname LIKE '{like}' ORDER BY 1"
    return [row[0] for row in project.execute(sql)]


def test_cases_run_in_tenants(project):
    done = project.manage("test", CASES, "--no-input").ok()
    assert "OK" in done.err
    assert not left_over(project)


@pytest.mark.parametrize("project", SOME, indirect=True)
def test_databases_are_kept_and_copied(project):
    if project.isolation == SQLITE:
        databases = project.settings["DATABASES"]
        file = str(project.folder / "test.sqlite3")
        databases["default"]["TEST"] = {"NAME": file}
        project.change(DATABASES=databases)
    flags = ("--no-input", "--parallel=2")
    project.manage("test", *TWO_CLASSES, *flags, "--keepdb").ok()
    assert left_over(project)
    project.manage("test", *TWO_CLASSES, *flags, "--keepdb").ok()
    project.manage("test", *TWO_CLASSES, *flags).ok()
    assert not left_over(project)


@pytest.mark.parametrize("project", SOME, indirect=True)
def test_isolation_is_proven_and_leaks_are_seen(project):
    done = project.manage("test", "tests.testing.users.isolated", "--no-input").ok()
    assert "OK" in done.err
