"""The same words choose tenants on every verb."""

import json

import pytest

from tests.projects import PROVE, SQLITE, TRANSACTIONAL

# Rows of the catalog are chosen, whatever the isolation.
pytestmark = pytest.mark.parametrize(
    "fleet", TRANSACTIONAL if PROVE else [SQLITE], indirect=True, scope="module"
)
ALL = ["acme", "eu-one", "eu-two", "globex", "us-one"]


def keys(project, *argv):
    return [row["key"] for row in json.loads(listed(project, *argv).ok().out)]


def listed(project, *argv):
    return project.manage("tenants", "list", "--format", "json", *argv)


@pytest.mark.parametrize(
    ("argv", "chosen"),
    [
        ([], ALL),
        (["--only", "acme"], ["acme"]),
        (["--only", "globex,acme"], ["acme", "globex"]),
        (["--only", "globex", "--only", "acme"], ["acme", "globex"]),
        (["--only", "eu-*"], ["eu-one", "eu-two"]),
        (["--only", "*-one,acme"], ["acme", "eu-one", "us-one"]),
        (["--only", "??me"], ["acme"]),
        (["--exclude", "eu-*"], ["acme", "globex", "us-one"]),
        (["--only", "*-one", "--exclude", "us-one"], ["eu-one"]),
        (["--where", "name=GLOBEX"], ["globex"]),
        (["--where", "name__startswith=EU", "--where", "slug=eu-one"], ["eu-one"]),
        (["--where", "domains__host=acme.example.com"], ["acme"]),
        (["--state", "suspended"], ["us-one"]),
        (["--state", "active"], ALL[:4]),
        (["--state", "any"], ALL),
        (["--placement", "default"], ALL),
        (["--only", "nobody-*"], []),
    ],
    ids=" ".join,
)
def test_chosen(fleet, argv, chosen):
    assert keys(fleet, *argv) == chosen


def test_shards_are_a_partition(fleet):
    parts = [keys(fleet, "--shard", f"{part}/3") for part in (1, 2, 3)]
    assert sorted(key for part in parts for key in part) == ALL


def test_other_verbs_take_active_ones_by_default(fleet):
    ended = fleet.manage("tenants", "run", "--format", "json", "--", "check").ok()
    told = json.loads(ended.out)
    assert [step["key"] for step in told["tenants"]] == ALL[:4]


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--only", "nobody"], "no tenant 'nobody'"),
        (["--only", "acme,nobody"], "no tenant 'nobody'"),
        (["--where", "name"], "field=value"),
        (["--where", "nonsense=1"], "nonsense"),
        (["--where", "created_at=x"], "created_at=x"),
        (["--where", "id=x"], "id=x"),
        (["--state", "asleep"], "no state 'asleep'; there are: provisioning, active"),
        (["--placement", "nowhere"], "no placement 'nowhere'"),
        (["--shard", "0/2"], "1 <= I <= N"),
        (["--shard", "3/2"], "1 <= I <= N"),
        (["--shard", "one"], "1 <= I <= N"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_is_told(fleet, argv, said):
    ended = listed(fleet, *argv)
    assert ended.status == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert ended.out == ""


def test_a_tenant_left_out_by_its_state_is_told(fleet):
    ended = fleet.manage("tenants", "run", "--only", "us-one", "--", "check")
    assert ended.status == 1
    assert "'us-one' is suspended" in ended.err
    assert "--state any" in ended.err
