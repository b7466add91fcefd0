"""A project made as the README says, for the pages whose code runs in one."""

import shutil

import pytest

from tests.docs import readme, sites


@pytest.fixture(scope="session")
def readme_site(tmp_path_factory):
    """The README's project, not to be changed: take a copy."""
    site, session = sites.existing_project(tmp_path_factory.mktemp("docs") / "site")
    answers = sites.follow(site, readme.steps())
    return site, session, answers


@pytest.fixture
def site_copy(readme_site, tmp_path):
    """A copy of the README's project."""
    shutil.copytree(readme_site[0].folder, tmp_path / "site")
    return sites.Site(tmp_path / "site")
