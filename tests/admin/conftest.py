"""A project whose admin serves tenants and the shared site."""

import pytest

from tests.lifecycle import acts
from tests.projects import PROVE, TRANSACTIONAL, Project

KEYS = ("acme", "globex")


# What is shown goes by where apps are, acts go by where tenants live.
FILES, SCHEMAS = (TRANSACTIONAL,) * 2 if PROVE else ([each] for each in TRANSACTIONAL)


@pytest.fixture(scope="module")
def project(request, tmp_path_factory):
    made = Project(request.param, tmp_path_factory.mktemp("admin") / "p")
    made.settings["TENANTRY"]["SHARED_APPS"].append("admin")
    made.settings["TENANTRY"]["SHARED_URLCONF"] = "tests.admin.urls"
    made.settings["ROOT_URLCONF"] = "tests.admin.urls"
    made.manage("migrate", "-v0").ok()
    for key in KEYS:
        made.call(acts.provision, key)
    yield made
    made.close()


def client_of(place, *, superuser=True, **fields):
    """Return a client at a tenant or the shared site, with its user logged in."""
    from django.contrib.auth.models import User
    from django.test import Client

    from tenantry import override_tenant

    host = "example.com" if place is None else f"{place}.example.com"
    client = Client(headers={"host": host})
    with override_tenant(place):
        make = User.objects.create_superuser if superuser else User.objects.create_user
        name = fields.pop("username", "root")
        user = User.objects.filter(username=name).first()
        if user is None:
            user = make(name, **fields)
        client.force_login(user)
    return client
