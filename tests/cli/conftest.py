"""Projects with a small fleet: `fleet` is not changed by tests, `project` is."""

import pytest

from tests.lifecycle import acts
from tests.projects import TRANSACTIONAL, Project

FLEET = ("acme", "globex", "eu-one", "eu-two", "us-one")


def make(isolation, folder):
    made = Project(isolation, folder)
    made.manage("migrate", "-v0").ok()
    for key in FLEET:
        made.call(acts.provision, key, name=key.upper())
        made.call(acts.authors, key, add=f"Ann of {key}")
    return made


@pytest.fixture(scope="module", params=TRANSACTIONAL)
def fleet(request, tmp_path_factory):
    made = make(request.param, tmp_path_factory.mktemp("fleet") / "p")
    made.call(suspend, "us-one")
    yield made
    made.close()


@pytest.fixture(scope="module", params=TRANSACTIONAL)
def project(request, tmp_path_factory):
    made = make(request.param, tmp_path_factory.mktemp("project") / "p")
    yield made
    made.close()


def suspend(key):
    from tests.customers.models import Tenant

    tenant = Tenant.objects.get(key=key)
    tenant.state = "suspended"
    tenant.save()
