"""A project with tenants for the whole folder, and the poolers in front of it."""

import pytest

from tests.lifecycle import acts
from tests.poolers.bouncer import pgbouncer
from tests.projects import Project

KEYS = ["acme", "globex", "initech"]
# The isolations whose tenants share a connection; each is proven behind every pooler.
ISOLATIONS = ["schema", "row"]


@pytest.fixture(scope="session", params=ISOLATIONS)
def project(request, tmp_path_factory):
    """A project whose tenants share a connection."""
    made = Project(request.param, tmp_path_factory.mktemp("poolers") / "p")
    made.manage("migrate", "-v0").ok()
    for key in KEYS:
        made.call(acts.provision, key)
    yield made
    made.close()


def served(project):
    """Return the DATABASES entry that a pooler is put in front of."""
    return project.settings["DATABASES"]["default"]


@pytest.fixture(scope="session")
def transaction_mode(project):
    """PgBouncer that gives a connection of two to each transaction."""
    with pgbouncer(served(project), "transaction") as database:
        yield database


@pytest.fixture(scope="session")
def session_mode(project):
    """PgBouncer that gives a connection of two to each client."""
    with pgbouncer(served(project), "session") as database:
        yield database


@pytest.fixture(scope="session")
def statement_mode(project):
    """PgBouncer that gives a connection of two to each statement."""
    with pgbouncer(served(project), "statement") as database:
        yield database
