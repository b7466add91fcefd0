"""Behind a pooler a named cursor shows its own rows, or is lost; never others' rows."""

import pytest

from tests.poolers import load
from tests.poolers.conftest import KEYS

pytestmark = [pytest.mark.postgres, pytest.mark.pgbouncer]


def iterated(project, database, *, disabled=False, options=(), **more):
    """Return what threads saw that fetched rows one by one."""
    database = {
        **database,
        "DISABLE_SERVER_SIDE_CURSORS": disabled,
        "OPTIONS": dict(options),
    }
    more = {"what": "cursors", "workers": 8, "operations": 240, **more}
    return project.call(load.run, database=database, keys=KEYS, **more)


@pytest.mark.parametrize("binding", [False, True])
def test_a_named_cursor_may_be_lost_and_shows_no_wrong_row(
    project, transaction_mode, binding
):
    options = {"server_side_binding": binding}
    result = iterated(project, transaction_mode, options=options)
    assert result["lost"] > 0, result
    assert (result["wrong"], result["misplaced"]) == (0, 0), result


def test_control_with_names_that_repeat_it_shows_rows_of_another_tenant(
    project, transaction_mode
):
    result = iterated(project, transaction_mode, same_names=True)
    assert result["wrong"] > 0, result


def test_without_named_cursors_nothing_is_lost(project, transaction_mode):
    result = iterated(project, transaction_mode, disabled=True)
    assert (result["lost"], result["wrong"]) == (0, 0), result
    assert result["rows"] == 240 * 8


def test_in_session_mode_nothing_is_lost(project, session_mode):
    result = iterated(project, session_mode, workers=2)
    assert (result["lost"], result["wrong"]) == (0, 0), result
