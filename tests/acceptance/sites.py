"""Projects of third-party code with two tenants, whose ids are made to collide."""

import sys
from pathlib import Path

import pytest

from tests import projects
from tests.acceptance.browser import host

HERE = Path(__file__).parent
ISOLATIONS = projects.ISOLATIONS[:3]  # SQLite files, schemas, rows
KEYS = ("acme", "globex")
FIRST_ID = 1_000_000  # above what migrations made
SEQUENCES = """
    SELECT format('ALTER SEQUENCE %I.%I RESTART WITH {}', schemaname, sequencename)
    FROM pg_sequences WHERE schemaname ^@ 'tenantry_rows'
"""


def other(key):
    """Return the other tenant's key."""
    return KEYS[1 - KEYS.index(key)]


def packages(name):
    """Return the folder of a project's own packages; skip the tests without it."""
    folder = Path(sys.prefix) / "apart" / name
    if not (folder / ".made").exists():
        pytest.skip(
            f"`make {folder}/.made` installs tests/acceptance/packages/{name}.txt"
        )
    return folder


def make(isolation, folder, module, *packages):
    """Return a project of the settings, with nothing in its database."""
    made = projects.Project(isolation, folder)
    made.module = module
    made.packages = packages
    made.warnings = "ignore"  # those of third-party code are its own affair
    made.settings["MEDIA_ROOT"] = str(folder / "media")
    return made


def provision(project):
    """Migrate the project, and create the two tenants."""
    project.manage("check").ok()
    project.manage("migrate", "-v0").ok()
    for key in KEYS:
        project.manage("tenants", "create", key, "--domain", host(key)).ok()


def fill(project, function):
    """Call the function for each tenant; return its results by key.

    Row tenants draw their ids from the same sequences: those are set back between, so
    that both get the same ids.
    """
    filled = {}
    for key in KEYS:
        if project.isolation == "row":
            for (sql,) in project.execute(SEQUENCES.format(FIRST_ID), project.name):
                project.execute(sql, project.name)
        filled[key] = project.call(function, key)
    return filled


def shared_tables():
    """Return the tables of the shared database that are not the catalog's."""
    from django.db import connection

    kept = ("tenantry_", "customers_", "django_migrations")
    names = connection.introspection.table_names()
    return [name for name in names if not name.startswith(kept)]
