"""The suites of people, over every arrangement of them, isolation and engine."""

import pytest

from tests.test_engines import conform


@pytest.mark.parametrize("arrangement", ["members", "confined", "both", "two_models"])
@pytest.mark.parametrize(
    "engine",
    [
        "sqlite",
        pytest.param("schema", marks=pytest.mark.postgres),
        pytest.param("row", marks=pytest.mark.postgres),
    ],
)
def test_people_are_kept_apart(arrangement, engine):
    conform(f"{arrangement}_{engine}", "tests/users")
