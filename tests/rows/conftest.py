"""A project of row tenants, and beside it a schema of plain Django's."""

import pytest

from tests import servers
from tests.fleet.conftest import Fleet
from tests.lifecycle import acts

PLAIN = "plain"
KEYS = ("acme", "globex")
EVERYBODY = ("acme", "eu-one", "eu-two", "globex", "half")


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

    def migrate(self, *argv):
        """Run `tenants migrate`; nothing of the shared database is new here."""
        return super().migrate("--no-shared", *argv)


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


@pytest.fixture(scope="session")
def origin(tmp_path_factory):
    """Five row tenants with two gadgets each: one suspended, one left half-way."""
    made = Rows(tmp_path_factory.mktemp("origin") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key in ("acme", "eu-one", "eu-two", "globex"):
            made.call(acts.provision, key)
        assert made.attempt(acts.die_in_provision, "half", "located", True).killed
        for key in EVERYBODY:
            made.call(fill, key)
        made.call(suspend, "eu-two")
        made.close_server()
        yield made
    finally:
        made.close()


def row_of(key):
    """Return a tenant's row, of whatever state: by its key only active ones are had."""
    from tests.customers.models import Tenant

    return Tenant.objects.get(key=key)


def fill(key):
    """Add two gadgets to a tenant."""
    query(key, "INSERT INTO gadgets_gadget (name) VALUES ('one'), (%s)", [key])


def query(key, sql, params=None):
    """Return the rows of a query in a tenant."""
    from django.db import connection

    from tenantry import override_tenant

    with override_tenant(row_of(key)), connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall() if cursor.description else []


def suspend(key):
    """Suspend a tenant."""
    from tests.customers.models import Tenant

    Tenant.objects.filter(key=key).update(state="suspended")


@pytest.fixture(scope="session")
def copied(origin, tmp_path_factory):
    made = Rows(tmp_path_factory.mktemp("fleet") / "p")
    yield made
    made.close()


@pytest.fixture
def fleet(origin, copied):
    """A copy of the five tenants, all of them current."""
    copied.restore(origin)
    copied.begin()
    return copied
