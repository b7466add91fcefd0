"""A user's project for each isolation."""

import json

import pytest

from tests.projects import POSTGRES, PROVE, SQLITE, Project

EVERY = [
    SQLITE,
    pytest.param("schema", marks=pytest.mark.postgres),
    pytest.param("row", marks=pytest.mark.postgres),
    *([pytest.param(POSTGRES, marks=pytest.mark.postgres)] if PROVE else []),
]
# For what costs several processes: those that differ most, unless all is to be proven.
SOME = EVERY if PROVE else [EVERY[0], EVERY[2]]
FIXTURE = [{"model": "shop.author", "pk": 6, "fields": {"name": "Ann by fixture"}}]


@pytest.fixture(scope="session", params=EVERY)
def project(request, tmp_path_factory):
    """A project that nobody has migrated: its tests make databases of their own."""
    made = Project(request.param, tmp_path_factory.mktemp(request.param) / "project")
    fixtures = made.folder / "fixtures"
    fixtures.mkdir()
    (fixtures / "ann.json").write_text(json.dumps(FIXTURE))
    made.settings["FIXTURE_DIRS"] = [str(fixtures)]
    yield made
    made.close()
