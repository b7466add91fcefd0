"""Projects of third-party code with two tenants, whose ids are made to collide."""

import sys
from pathlib import Path

import pytest

from tests import projects
from tests.acceptance.browser import host

HERE = Path(__file__).parent
SQLITE, SCHEMA, ROW = projects.ISOLATIONS[:3]
# Files are tried with Wagtail, schemas too; with the others by `make prove`.
PROVEN = [SQLITE, SCHEMA] if projects.PROVE else []
KEYS = ("acme", "globex")
FIRST_ID = 1_000_000  # above what migrations made
SEQUENCES = """
    SELECT format('ALTER SEQUENCE %I.%I RESTART WITH {}', schemaname, sequencename)
    FROM pg_sequences WHERE schemaname ^@ 'tenantry_rows'
"""
# All that tells one table from another, but the order of its columns.
CATALOGUE = """
    WITH found AS (
        SELECT c.oid, n.nspname, c.relname, c.relrowsecurity, c.relforcerowsecurity
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE c.relkind IN ('r', 'p', 'v', 'm')
            AND n.nspname IN ('acme', 'globex', 'tenantry_rows')
    )
    SELECT nspname, relname, 'table', relrowsecurity::text, relforcerowsecurity::text
    FROM found
    UNION ALL
    SELECT nspname, relname, attname::text, format_type(atttypid, atttypmod)
            || CASE WHEN attnotnull THEN ' NOT NULL' ELSE '' END || attidentity::text
            || coalesce(' COLLATE ' || nullif(attcollation, 0)::regcollation::text, ''),
        coalesce(pg_get_expr(adbin, adrelid), '')
    FROM found JOIN pg_attribute ON attrelid = oid AND attnum > 0 AND NOT attisdropped
    LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
    UNION ALL
    SELECT nspname, relname, conname::text, pg_get_constraintdef(k.oid), ''
    FROM found JOIN pg_constraint k ON conrelid = found.oid
    UNION ALL
    SELECT nspname, relname, indexrelid::regclass::text, pg_get_indexdef(indexrelid), ''
    FROM found JOIN pg_index ON indrelid = oid
    UNION ALL
    SELECT nspname, relname, polname::text, pg_get_expr(polqual, polrelid),
        pg_get_expr(polwithcheck, polrelid)
    FROM found JOIN pg_policy ON polrelid = found.oid
    UNION ALL
    SELECT nspname, relname, tgname::text, pg_get_triggerdef(t.oid), ''
    FROM found JOIN pg_trigger t ON tgrelid = found.oid AND NOT tgisinternal
"""


def catalogue(project):
    """Return the facts of the tenants' tables in PostgreSQL's catalogue."""
    return set(project.execute(CATALOGUE, project.name))


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
