"""A migrated project per isolation, and per module."""

import pytest

from tests.projects import ISOLATIONS, Project


@pytest.fixture(scope="module", params=ISOLATIONS)
def project(request, tmp_path_factory):
    made = Project(request.param, tmp_path_factory.mktemp("project") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        yield made
    finally:
        made.close()
