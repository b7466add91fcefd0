"""A migrated project per isolation, and per module."""

import pytest

from tests.projects import ISOLATIONS, migrated


@pytest.fixture(scope="module", params=ISOLATIONS)
def project(request, tmp_path_factory):
    with migrated(request.param, tmp_path_factory.mktemp("project") / "p") as made:
        yield made
