"""`tenants doctor` finds out what stands in front of the database, and what is wrong."""

import json

import pytest

from tests.poolers.bouncer import pgbouncer
from tests.projects import SQLITE, Project

pytestmark = [pytest.mark.postgres, pytest.mark.pgbouncer]


@pytest.fixture
def examine(project):
    """Return the findings behind a pooler, by name, and the exit status."""
    direct = project.settings["DATABASES"]

    def ask(database, *argv, **settings):
        entry = {**direct["default"], **database, **settings}
        project.change(DATABASES={"default": entry})
        ended = project.manage("tenants", "doctor", *argv, "--format", "json")
        assert "Traceback" not in ended.err
        found = json.loads(ended.out)
        return {each["name"]: each for each in found}, ended.status

    yield ask
    project.change(DATABASES=direct)


def levels(found):
    """Return the findings that are not as they should be."""
    return {name: f["level"] for name, f in found.items() if f["level"] != "ok"}


def test_no_pooler(examine):
    found, status = examine({}, "--pooler")
    assert "No pooler" in found["pooler"]["text"]
    assert "Each statement carries its tenant" in found["tenants"]["text"]
    assert (levels(found), status) == ({}, 0)


def test_transaction_mode(examine, transaction_mode):
    found, status = examine(transaction_mode, "--pooler")
    assert "PgBouncer" in found["pooler"]["text"]
    assert "in transaction mode" in found["pooler"]["text"]
    assert "seen on different servers" in found["pooler"]["text"]
    assert levels(found) == {
        "session-settings": "warning",
        "server-side-cursors": "error",
    }
    assert "DISABLE_SERVER_SIDE_CURSORS" in found["server-side-cursors"]["next_step"]
    assert status == 1


def test_transaction_mode_with_the_right_settings(examine, transaction_mode):
    found, status = examine(
        transaction_mode, "--pooler", DISABLE_SERVER_SIDE_CURSORS=True
    )
    assert (levels(found), status) == ({"session-settings": "warning"}, 0)


def test_transaction_mode_with_the_wrong_settings(examine, transaction_mode):
    options = {"prepare_threshold": 5, "assume_role": "postgres", "pool": True}
    found, status = examine(
        transaction_mode, "--pooler", OPTIONS=options, CONN_MAX_AGE=60
    )
    assert levels(found) == {
        "session-settings": "warning",
        "server-side-cursors": "error",
        "prepared-statements": "error",
        "assume-role": "error",
        "connection-age": "error",
        "two-pools": "warning",
    }
    assert all(found[name]["next_step"] for name in levels(found))
    assert status == 1


def test_transaction_mode_with_one_server(examine, project):
    with pgbouncer(project.name, "transaction", size=1) as database:
        found, _ = examine(database, "--pooler", DISABLE_SERVER_SIDE_CURSORS=True)
    assert "in transaction mode" in found["pooler"]["text"]
    assert "different servers" not in found["pooler"]["text"]


def test_session_mode(examine, project):
    with pgbouncer(project.name, "session", size=5) as database:
        found, status = examine(database, "--pooler", CONN_MAX_AGE=60)
    assert "in session mode" in found["pooler"]["text"]
    assert levels(found) == {
        "session-settings": "warning",  # this PgBouncer tidies nothing up
        "connection-age": "warning",
    }
    assert status == 0


def test_statement_mode(examine, statement_mode):
    found, status = examine(
        statement_mode, "--pooler", DISABLE_SERVER_SIDE_CURSORS=True
    )
    assert "in statement mode" in found["pooler"]["text"]
    assert levels(found) == {"session-settings": "warning", "transactions": "error"}
    assert status == 1


def test_in_words(project, transaction_mode):
    ended = project.manage("tenants", "doctor", "--pooler").ok()
    assert ended.out.startswith("database default\n  ok       pooler: No pooler")


def test_the_placements(examine):
    found, status = examine({}, "--pooler")
    assert status == 0
    found, status = examine({})
    assert (found["session-path"]["level"], status) == ("ok", 0)


def test_a_path_of_the_role_that_leads_to_a_tenant_is_an_error(examine, project):
    project.execute(f"ALTER DATABASE {project.name} SET search_path TO acme, public")
    try:
        found, status = examine({})
    finally:
        project.execute(f"ALTER DATABASE {project.name} RESET search_path")
    assert (found["session-path"]["level"], status) == ("error", 1)
    assert "schema acme" in found["session-path"]["text"]


def test_another_engine(tmp_path):
    project = Project(SQLITE, tmp_path / "p")
    try:
        said = project.manage("tenants", "doctor", "--pooler").ok().out
        assert "SQLite" in said
        assert "Nothing to say" in project.manage("tenants", "doctor").ok().out
    finally:
        project.close()
