"""A tenant from the template is what plain migrating would have made of it."""

import os
import re
import shutil
import subprocess

import pytest

from tests import servers
from tests.lifecycle import acts
from tests.projects import APART, MARIADB, POSTGRES, SQLITE, Project, migrated, rows_of

CATALOGUE = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
MIGRATION = """
from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True
    dependencies = []
    operations = [
        migrations.CreateModel(
            "Gadget", [("id", models.BigAutoField(primary_key=True))]
        ),
    ]
"""
SECOND = """
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("gadgets", "0001_initial")]
    operations = [
        migrations.AddField("gadget", "size", models.IntegerField(default=7)),
    ]
"""


def migrate_one(key):
    """Provision without a template."""
    from tenantry.lifecycle import provision

    provision.find_template = lambda *_: None
    acts.provision(key)


def applied_rows(key):
    """Return what the tenant's tables hold, but for dates."""
    from django.apps import apps
    from django.db.migrations.recorder import MigrationRecorder

    from tenantry import override_tenant
    from tenantry.conf import conf

    with override_tenant(key):
        found = {
            model._meta.label: list(model.objects.order_by("pk").values_list())
            for model in apps.get_models(include_auto_created=True)
            if model._meta.app_label in conf.tenant_apps
        }
        names = MigrationRecorder.Migration.objects.values_list("id", "app", "name")
        found["migrations"] = list(names.order_by("id"))
    return found


def dump_of(project, location):
    """Return pg_dump's text of a tenant without its name."""
    facts = servers.postgres()
    own = project.isolation == POSTGRES
    done = subprocess.run(
        [
            shutil.which("pg_dump"),
            f"--host={facts['HOST']}",
            f"--port={facts['PORT']}",
            f"--username={facts['USER']}",
            f"--dbname={location if own else project.name}",
            "--schema-only",
            *([] if own else [f"--schema={location}"]),
        ],
        env={**os.environ, "PGPASSWORD": facts["PASSWORD"]},
        capture_output=True,
        text=True,
        check=True,
    )
    text = re.sub(r"^\\(un)?restrict .*$", "", done.stdout, flags=re.MULTILINE)
    return text.replace(f'"{location}"', location).replace(location, "LOCATION")


def catalogue_of(project, key):
    """Return all that the server knows of a tenant's tables."""
    (location,) = [
        name
        for name in project.locations()
        if re.search(rf"(^|/|_){key}(\.sqlite3)?$", name)
    ]
    if project.isolation == SQLITE:
        return rows_of(project.folder / "tenants" / location, CATALOGUE)
    if project.isolation == MARIADB:
        tables = project.execute(f"SHOW TABLES FROM `{location}`")
        return [
            re.sub(
                r"AUTO_INCREMENT=\d+ ",
                "",
                project.execute(f"SHOW CREATE TABLE `{location}`.`{name}`")[0][1],
            )
            for (name,) in tables
        ]
    return dump_of(project, location)


@pytest.fixture(scope="module", params=APART)
def project(request, tmp_path_factory):
    """A migrated project of each isolation whose templates are places of their own."""
    with migrated(request.param, tmp_path_factory.mktemp("project") / "p") as made:
        yield made


def test_it_equals_plain_migrating(project):
    project.call(acts.provision, "copied")
    project.call(migrate_one, "migrated")
    assert catalogue_of(project, "copied") == catalogue_of(project, "migrated")
    assert project.call(applied_rows, "copied") == project.call(
        applied_rows, "migrated"
    )
    for key in ("copied", "migrated"):
        assert project.call(acts.authors, key, add="Ann") == [[1, "Ann"]]


def count_migrations(key):
    """Provision; return how many times Django migrated a tenant."""
    from django.core.management.commands import migrate

    calls = []
    original = migrate.Command.handle

    def handle(self, *args, **options):
        calls.append(options)
        return original(self, *args, **options)

    migrate.Command.handle = handle
    acts.provision(key)
    return len(calls)


def test_only_the_first_is_migrated(project):
    project.call(acts.provision, "before")
    assert project.call(count_migrations, "after") == 0


def die_in_template(key):
    """Be killed while the template is being migrated."""
    from django.db.models.signals import post_migrate

    post_migrate.connect(lambda **_: acts.die(), weak=False)
    acts.provision(key)


def templates_begun(project):
    """Return the unfinished templates that are there."""
    return project.call(templates_there)


def templates_there():
    from tenantry.isolation import isolations
    from tenantry.models import LifecycleRecord

    isolation = isolations["default"]
    return [
        [record.key, isolation.exists(isolation.template_ref(record.key[1:]))]
        for record in LifecycleRecord.objects.filter(action="template")
    ]


def template_is_there(token):
    from tenantry.isolation import isolations

    isolation = isolations["default"]
    location = isolation.template_location(token)
    if isolation.shares_connection:
        return isolation.exists(isolation.template_ref(token))
    if "mysql" in isolation.engine:
        sql = "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s"
        return bool(isolation.server._execute(sql, [location]))
    return isolation.server.exists(location)


def test_one_left_half_made_is_removed_by_the_next(project):
    from tests.lifecycle.test_provision import forget_templates

    project.call(forget_templates)
    assert project.attempt(die_in_template, "halfway").killed
    ((key, _),) = templates_begun(project)
    assert project.call(template_is_there, key[1:])
    assert (
        "halfway is active" in project.manage("tenants", "create", "--resume").ok().out
    )
    assert templates_begun(project) == []
    assert not project.call(template_is_there, key[1:])


@pytest.mark.postgres
def test_without_pg_dump_each_tenant_is_migrated_and_the_log_says_so(tmp_path):
    project = Project("schema", tmp_path / "p")
    try:
        project.settings["TENANTRY"]["PLACEMENTS"]["default"]["OPTIONS"] = {
            "PG_DUMP": "no-such-pg-dump"
        }
        project.manage("migrate", "-v0").ok()
        ended = project.manage("tenants", "create", "acme").ok()
        assert "no pg_dump" in ended.err
        assert project.call(acts.authors, "acme", add="Ann") == [[1, "Ann"]]
        assert project.locations() == ["acme"]
    finally:
        project.close()


def make_app(folder):
    """Write an app with one migration."""
    package = folder / "gadgets"
    (package / "migrations").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "migrations" / "__init__.py").touch()
    (package / "migrations" / "0001_initial.py").write_text(MIGRATION)
    return package


def gadget_columns(key):
    from django.db import connection

    from tenantry import override_tenant

    with override_tenant(key), connection.cursor() as cursor:
        found = connection.introspection.get_table_description(cursor, "gadgets_gadget")
    return sorted(column.name for column in found)


@pytest.mark.parametrize(
    "isolation", [SQLITE, pytest.param("schema", marks=pytest.mark.postgres)]
)
def test_it_is_made_anew_when_the_migrations_change(isolation, tmp_path):
    from tests.settings import base

    project = Project(
        isolation, tmp_path / "p", INSTALLED_APPS=[*base.INSTALLED_APPS, "gadgets"]
    )
    project.settings["TENANTRY"]["TENANT_APPS"] += ["gadgets"]
    package = make_app(project.folder)
    try:
        project.manage("migrate", "-v0").ok()
        project.call(acts.provision, "old")
        (package / "migrations" / "0002_size.py").write_text(SECOND)
        project.call(acts.provision, "new")
        assert project.call(gadget_columns, "old") == ["id"]
        assert project.call(gadget_columns, "new") == ["id", "size"]
    finally:
        project.close()
