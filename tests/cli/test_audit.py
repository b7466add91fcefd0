"""`tenants audit` says who did what."""

import getpass
import json

import pytest


def audit(project, *argv):
    return json.loads(
        project.manage("tenants", "audit", *argv, "--format=json").ok().out
    )


def actions(*args):
    return [entry["action"] for entry in audit(*args)]


def test_the_last_entries_are_shown_the_newest_first(project):
    project.manage("tenants", "suspend", "acme").ok()
    project.manage("tenants", "resume", "acme").ok()
    out = project.manage("tenants", "audit", "--last", "2").ok().out
    head, newest, older = out.splitlines()
    assert head.split()[:3] == ["at", "tenant_key", "action"]
    assert "tenant.resumed" in newest
    assert "tenant.suspended" in older
    assert f"command: {getpass.getuser()}" in newest


def test_they_are_chosen_by_where_what_who_and_when(project):
    assert actions(project, "--tenant", "globex") == ["tenant.provisioned"]
    assert actions(project, "--tenant", "-") == []
    assert set(actions(project, "--action", "tenant.prov")) == {"tenant.provisioned"}
    who = f"command: {getpass.getuser()}"
    assert actions(project, "--tenant", "globex", "--actor", who)
    assert actions(project, "--actor", "nobody") == []
    assert actions(project, "--since", "2999-01-01") == []
    assert actions(project, "--since", "2001-01-01T10:00")


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--since", "yesterday"], "is no date or time"),
        (["--since", "2026-13-01"], "is no date or time"),
        (["--last", "0"], "1 or more"),
    ],
)
def test_what_cannot_be_asked_is_told(project, argv, said):
    ended = project.manage("tenants", "audit", *argv)
    assert ended.status == 1
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_nothing_found_is_said(project):
    ended = project.manage("tenants", "audit", "--actor", "nobody").ok()
    assert ended.out.strip() == "No entries."
