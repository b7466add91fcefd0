"""`tenants doctor` and the check of databases find what is wrong with row isolation."""

import json

import pytest

from tests.lifecycle import acts
from tests.projects import Project

pytestmark = pytest.mark.postgres
BOOK = "tenantry_rows.shop_book"
# What is done to the database, and what the doctor then calls it.
WRONGS = {
    "no policy": (f"DROP POLICY tenantry ON {BOOK}", "policies", "error"),
    "lifted": (f"ALTER TABLE {BOOK} DISABLE ROW LEVEL SECURITY", "policies", "error"),
    "not forced": (
        f"ALTER TABLE {BOOK} NO FORCE ROW LEVEL SECURITY",
        "policies",
        "error",
    ),
    "one more policy": (
        f"CREATE POLICY more ON {BOOK} USING (true)",
        "policies",
        "error",
    ),
    "policy that lets all through": (
        f"ALTER POLICY tenantry ON {BOOK} USING (true)",
        "policies",
        "error",
    ),
    "key of all tenants": (
        "ALTER TABLE tenantry_rows.auth_user ADD UNIQUE (username)",
        "keys",
        "error",
    ),
    "index of all tenants": (
        f"CREATE INDEX of_all ON {BOOK} (title)",
        "indexes",
        "warning",
    ),
    "rows not marked": (
        f"ALTER TABLE {BOOK} ALTER tenantry_key SET DEFAULT 'acme'",
        "columns",
        "error",
    ),
    "materialized view": (
        f"CREATE MATERIALIZED VIEW tenantry_rows.titles AS SELECT title FROM {BOOK}",
        "relations",
        "error",
    ),
    "view of a superuser": (
        f"CREATE VIEW tenantry_rows.titles AS SELECT title FROM {BOOK}",
        "relations",
        "error",
    ),
    "partition without the policy": (
        f"""
        SET ROLE tenantry_owner;
        CREATE TABLE tenantry_rows.event (LIKE {BOOK} INCLUDING DEFAULTS)
            PARTITION BY LIST (title);
        CALL tenantry.protect('tenantry_rows.event');
        CREATE TABLE tenantry_rows.event1 PARTITION OF tenantry_rows.event DEFAULT
        """,
        "relations",
        "error",
    ),
    "no right": (f"REVOKE INSERT ON {BOOK} FROM tenantry_serving", "rights", "error"),
    "right to truncate": (
        f"GRANT TRUNCATE ON {BOOK} TO tenantry_serving",
        "rights",
        "error",
    ),
    "half a migration": (
        "INSERT INTO tenantry.migration_steps VALUES ('tenantry_rows', '', '', 1, '')",
        "steps",
        "warning",
    ),
}
MENDED = {
    "no policy",
    "lifted",
    "not forced",
    "policy that lets all through",
    "key of all tenants",
    "index of all tenants",
    "rows not marked",
    "partition without the policy",
    "no right",
    "right to truncate",
}


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    made = Project("row", tmp_path_factory.mktemp("origin") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key in ("acme", "globex"):
            made.call(acts.provision, key)
        made.close_server()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def copied(origin, tmp_path_factory):
    made = Project("row", tmp_path_factory.mktemp("copied") / "p")
    yield made
    made.close()


@pytest.fixture
def project(origin, copied):
    copied.restore(origin)
    return copied


def examine(project, *options):
    """Return the findings by name, but for those that are well, and the exit status."""
    done = project.manage("tenants", "doctor", "--format", "json", *options)
    found = [row for row in json.loads(done.out) if row["level"] != "ok"]
    return {row["name"]: row["level"] for row in found}, done.status


def test_nothing_is_wrong_with_what_tenantry_has_made(project):
    assert examine(project) == ({}, 0)
    assert not project.manage("check", "--database", "default").err


@pytest.mark.parametrize("wrong", WRONGS)
def test_what_is_wrong_is_found_and_mended_where_it_can_be(project, wrong):
    sql, name, level = WRONGS[wrong]
    project.execute(sql, project.name)
    assert examine(project) == ({name: level}, int(level == "error"))
    after = examine(project, "--repair")
    assert after == (({}, 0) if wrong in MENDED else ({name: level}, after[1]))
    if name == "policies" and wrong not in MENDED:
        assert "E044" in project.manage("check", "--database", "default").err


@pytest.mark.parametrize(
    "role_of",
    [
        ("default", "SUPERUSER", "serving-role"),
        ("default", "BYPASSRLS IN ROLE tenantry_serving", "serving-role"),
        ("default", "IN ROLE tenantry_owner", "serving-role"),
        ("owner", "SUPERUSER", "owner-role"),
        ("owner", "BYPASSRLS IN ROLE tenantry_owner", "owner-role"),
    ],
)
def test_a_role_above_the_policies_is_found(project, role_of):
    alias, rights, name = role_of
    role = f"tenantry_mighty_{project.name}"
    project.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'tenantry' {rights}")
    databases = project.settings["DATABASES"]
    mighty = {**databases[alias], "USER": role, "PASSWORD": "tenantry"}
    try:
        project.change(DATABASES={**databases, alias: mighty})
        found, status = examine(project)
        assert found[name] == "error"
        assert status == 1
        assert "E044" in project.manage("check", "--database", "default").err
    finally:
        project.change(DATABASES=databases)
        project.execute(f"DROP OWNED BY {role}", project.name)
        project.execute(f"DROP ROLE {role}")


def test_one_role_for_both_is_told(project):
    databases = project.settings["DATABASES"]
    tenantry = project.settings["TENANTRY"]
    alone = {
        **tenantry,
        "PLACEMENTS": {"default": {**tenantry["PLACEMENTS"]["default"], "OPTIONS": {}}},
    }
    try:
        project.change(DATABASES={"default": databases["owner"]}, TENANTRY=alone)
        assert examine(project)[0]["one-role"] == "warning"
        assert "W042" in project.manage("check").err
    finally:
        project.change(DATABASES=databases, TENANTRY=tenantry)
