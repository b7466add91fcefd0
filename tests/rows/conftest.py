"""A project of row tenants, and beside it a schema of plain Django's."""

import pytest

from tests import servers
from tests.fleet.conftest import Fleet
from tests.lifecycle import acts

PLAIN = "plain"
KEYS = ("acme", "globex")


class Rows(Fleet):
    """Row tenants; the alias `plain` leads to Django's own backend on the same."""

    def __init__(self, folder):
        super().__init__("row", folder)
        self.settings["DATABASES"]["plain"] = {
            **servers.postgres_roles()["owner"],
            "ENGINE": "django.db.backends.postgresql",
            "NAME": self.name,
            "OPTIONS": {
                "options": f"-c search_path={PLAIN},tenantry_shared,public"
                " -c lock_timeout=20s"
            },
        }


@pytest.fixture(scope="session")
def project(tmp_path_factory):
    """Two row tenants."""
    made = Rows(tmp_path_factory.mktemp("rows") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key in KEYS:
            made.call(acts.provision, key)
        owner = servers.postgres_roles()["owner"]["USER"]
        made.execute(f"CREATE SCHEMA {PLAIN} AUTHORIZATION {owner}", made.name)
        yield made
    finally:
        made.close()
