"""Under load behind any pooler no row of another tenant is seen, none is written."""

import pytest

from tests.poolers import load
from tests.poolers.conftest import KEYS
from tests.projects import PROVE

pytestmark = [pytest.mark.postgres, pytest.mark.pgbouncer]

WORKERS = 8
MANY = 100_000 if PROVE else 2_000
SOME = 20_000 if PROVE else 320
FEW = 320
# How a project's DATABASES entry asks for its parameters to be bound.
BINDINGS = {"client": {}, "server": {"server_side_binding": True}}
# Behind a pooler that gives servers to clients, and with a pool in the process, a
# thread gives its connection up now and then, as Django does after each request.
LEAVE = 3


@pytest.fixture(params=BINDINGS)
def options(request):
    """OPTIONS of the DATABASES entry."""
    return BINDINGS[request.param]


def under(project, database, options, **more):
    """Return what a load saw behind the pooler."""
    database = {**database, "OPTIONS": options, "DISABLE_SERVER_SIDE_CURSORS": True}
    more = {"what": "threads", "workers": WORKERS, "operations": MANY, **more}
    return project.call(load.run, database=database, keys=KEYS, **more)


def holds(result, *, servers=2):
    """Fail where a row was wrong, or where the pooler moved nobody."""
    assert result["servers"] >= servers, result
    assert result["moved"] >= servers, result
    assert (result["wrong"], result["misplaced"]) == (0, 0), result


def test_transaction_mode(project, transaction_mode, options):
    result = under(project, transaction_mode, options)
    holds(result)
    assert result["rows"] >= MANY


def test_control_transaction_mode_leaks_where_tenants_are_told_once(
    project, transaction_mode, options
):
    result = under(project, transaction_mode, options, operations=FEW, guarded=False)
    assert result["wrong"] > 0, result


def test_a_tenant_is_made_and_dropped_behind_the_pooler(project, transaction_mode):
    assert project.call(load.lifecycle, transaction_mode, "umbrella") == "Ann:umbrella"


def test_session_mode(project, session_mode, options):
    holds(under(project, session_mode, options, operations=SOME, leave=LEAVE))


def test_control_session_mode_leaks_where_tenants_are_told_once(project, session_mode):
    result = under(
        project, session_mode, {}, operations=FEW, leave=LEAVE, guarded=False
    )
    assert result["wrong"] > 0, result


def test_statement_mode(project, statement_mode, options):
    holds(under(project, statement_mode, options, operations=SOME, transactions=False))


def test_statement_mode_refuses_transactions(project, statement_mode):
    project.call(load.run, "threads", {}, KEYS, workers=1, operations=1)
    error, authors = project.call(load.error_of_atomic, statement_mode, KEYS[0])
    assert "statement pooling" in error
    assert authors == 1


def test_control_statement_mode_leaks_where_tenants_are_told_once(
    project, statement_mode
):
    result = under(
        project,
        statement_mode,
        {},
        operations=FEW,
        transactions=False,
        guarded=False,
    )
    assert result["wrong"] > 0, result


POOL = {"pool": {"min_size": 2, "max_size": 2, "timeout": 60}}


def test_the_pool_of_django(project, options):
    holds(under(project, {}, {**options, **POOL}, operations=SOME, leave=LEAVE))


def test_control_the_pool_of_django_leaks_where_tenants_are_told_once(project):
    result = under(project, {}, POOL, operations=FEW, leave=LEAVE, guarded=False)
    assert result["wrong"] > 0, result


def test_tasks_of_an_event_loop(project, transaction_mode, options):
    holds(
        under(
            project,
            transaction_mode,
            options,
            what="tasks",
            workers=16,
            operations=SOME,
        )
    )


def test_control_tasks_leak_where_tenants_are_told_once(project, transaction_mode):
    result = under(
        project,
        transaction_mode,
        {},
        what="tasks",
        workers=16,
        operations=FEW,
        guarded=False,
    )
    assert result["wrong"] > 0, result
