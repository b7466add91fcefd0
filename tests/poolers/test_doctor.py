"""`tenants doctor` says what stands in front of the database, and what is wrong."""

import json
from io import StringIO

import pytest

from tests.poolers import load
from tests.poolers.bouncer import pgbouncer
from tests.poolers.conftest import served

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.pgbouncer,
    # What it finds of row isolation, whatever the pooler, is in tests/rows.
    pytest.mark.parametrize("project", ["schema"], indirect=True),
]


def doctor(database, argv):
    """Run the verb in this process, the database being led elsewhere."""
    from django.core.management import CommandError, call_command

    load.lead(database)
    out = StringIO()
    try:
        call_command("tenants", "doctor", *argv, "--format", "json", stdout=out)
    except CommandError as error:
        return json.loads(out.getvalue()), str(error)
    return json.loads(out.getvalue()), None


@pytest.fixture
def examine(project):
    """Return the findings behind a pooler, by name, and how the verb ended."""

    def ask(database, *argv, **settings):
        found, error = project.call(doctor, {**database, **settings}, argv)
        return {each["name"]: each for each in found}, int(error is not None)

    return ask


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
    with pgbouncer(served(project), "transaction", size=1) as database:
        found, _ = examine(database, "--pooler", DISABLE_SERVER_SIDE_CURSORS=True)
    assert "in transaction mode" in found["pooler"]["text"]
    assert "different servers" not in found["pooler"]["text"]


def test_session_mode(examine, project):
    with pgbouncer(served(project), "session", size=5) as database:
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


def test_in_words(project):
    project.execute(f"ALTER DATABASE {project.name} SET search_path TO acme")
    try:
        ended = project.manage("tenants", "doctor")
    finally:
        project.execute(f"ALTER DATABASE {project.name} RESET search_path")
    assert ended.status == 1
    first, second = ended.out.splitlines()[:2]
    assert first == "placement default (schema)"
    assert second.startswith("  error    session-path: ")
    assert "1 of 1 findings must be mended" in ended.err
    assert "Traceback" not in ended.err


def test_the_placements(examine):
    found, status = examine({})
    assert (found["session-path"]["level"], status) == ("ok", 0)
