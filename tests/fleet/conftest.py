"""A fleet with an app whose migrations each test writes."""

import shutil

import pytest

from tests.lifecycle import acts
from tests.projects import TRANSACTIONAL, Project
from tests.settings import base

KEYS = ("acme", "eu-one", "eu-two", "globex")
INITIAL = """
migrations.CreateModel(
    "Gadget",
    [
        ("id", models.BigAutoField(primary_key=True)),
        ("name", models.CharField(max_length=20)),
    ],
),
"""
MODULE = """
from django.db import migrations, models
from tenantry import get_tenant

{code}

class Migration(migrations.Migration):
    atomic = {atomic}
    dependencies = {dependencies}
    replaces = {replaces}
    operations = [
{operations}
    ]
"""


class Fleet(Project):
    """A project with the app `gadgets`."""

    def __init__(self, isolation, folder):
        super().__init__(
            isolation, folder, INSTALLED_APPS=[*base.INSTALLED_APPS, "gadgets"]
        )
        self.settings["TENANTRY"]["TENANT_APPS"].append("gadgets")
        self.begin()

    def begin(self):
        """Give the app its first migration, and no other."""
        package = self.folder / "gadgets"
        shutil.rmtree(package, ignore_errors=True)
        (package / "migrations").mkdir(parents=True)
        (package / "__init__.py").touch()
        (package / "models.py").touch()
        (package / "migrations" / "__init__.py").touch()
        self.write("0001_initial", INITIAL, after=None)

    def write(self, name, operations, code="", *, after="0001_initial", **more):
        """Write a migration."""
        dependencies = [("gadgets", after)] if after else []
        text = MODULE.format(
            code=code,
            operations=operations,
            atomic=more.get("atomic", True),
            dependencies=more.get("dependencies", dependencies),
            replaces=more.get("replaces", []),
        )
        (self.folder / "gadgets" / "migrations" / f"{name}.py").write_text(text)

    def remove(self, name):
        """Remove a migration."""
        (self.folder / "gadgets" / "migrations" / f"{name}.py").unlink()

    def migrate(self, *argv):
        """Run `tenants migrate`."""
        return self.manage("tenants", "migrate", *argv)

    def look(self):
        """Return columns, rows and migrations of the app in each tenant."""
        return self.call(look)


def look():
    """Return columns, rows and recorded migrations of the app, by tenant."""
    from django.db import connection
    from django.db.migrations.recorder import MigrationRecorder

    from tenantry import override_tenant
    from tests.customers.models import Tenant

    found = {}
    for tenant in Tenant.objects.all():
        with override_tenant(tenant), connection.cursor() as cursor:
            names = MigrationRecorder.Migration.objects.filter(app="gadgets")
            tables = connection.introspection.table_names(cursor)
            columns, rows = None, None
            if "gadgets_gadget" in tables:
                described = connection.introspection.get_table_description(
                    cursor, "gadgets_gadget"
                )
                columns = [column.name for column in described]
                listed = ", ".join(columns)
                cursor.execute(f"SELECT {listed} FROM gadgets_gadget ORDER BY id")
                rows = [list(row) for row in cursor.fetchall()]
            found[tenant.key] = {
                "columns": columns,
                "rows": rows,
                "migrations": sorted(names.values_list("name", flat=True)),
            }
    return found


def fill(key):
    """Add two gadgets to a tenant."""
    from django.db import connection

    from tenantry import override_tenant

    with override_tenant(key), connection.cursor() as cursor:
        for name in ("one", key):
            cursor.execute("INSERT INTO gadgets_gadget (name) VALUES (%s)", [name])


@pytest.fixture(scope="session", params=TRANSACTIONAL)
def origin(request, tmp_path_factory):
    made = Fleet(request.param, tmp_path_factory.mktemp("origin") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key in KEYS:
            made.call(acts.provision, key)
            made.call(fill, key)
        made.close_server()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="session")
def copied(origin, tmp_path_factory):
    made = Fleet(origin.isolation, tmp_path_factory.mktemp("fleet") / "p")
    yield made
    made.close()


@pytest.fixture
def fleet(origin, copied):
    """Four tenants with two gadgets each, current."""
    copied.restore(origin)
    copied.begin()
    return copied
