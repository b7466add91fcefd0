"""`manage.py tenants`: what each verb prints, and the status it ends with."""

import json

import pytest

from tests.lifecycle import acts


def refused(ended, said):
    assert ended.status == 1, ended
    assert said in ended.err
    assert "Traceback" not in ended.err


# list, show, status, explain


def test_list_prints_a_row_for_each(fleet):
    lines = fleet.manage("tenants", "list").ok().out.splitlines()
    names = ["key", "name", "state", "placement", "location", "kind", "declared"]
    assert lines[0].split() == names
    assert lines[1].split()[:4] == ["acme", "ACME", "active", "default"]
    assert len(lines) == 6


def test_list_says_how_to_make_one_when_there_is_none(fleet):
    ended = fleet.manage("tenants", "list", "--only", "x*").ok()
    assert "tenants create KEY" in ended.out


def test_show_tells_all_of_one(fleet):
    said = fleet.manage("tenants", "show", "acme").ok().out
    facts = json.loads(fleet.manage("tenants", "show", "acme", "--format", "json").out)
    assert facts["key"] == "acme"
    assert facts["domains"] == "acme.example.com (primary)"
    assert facts["url"] == "https://acme.example.com/"
    assert facts["is there"] is True
    for name in facts:
        assert f"{name}:" in said
    refused(fleet.manage("tenants", "show", "nobody"), "no tenant 'nobody'")


def test_status_tells_who_is_not_active_and_current(fleet):
    said = fleet.manage("tenants", "status").ok().out
    assert said.splitlines()[1].split()[:2] == ["us-one", "suspended"]
    assert "5 tenants, 4 active and current." in said
    told = json.loads(fleet.manage("tenants", "status", "--format", "json").ok().out)
    assert [row["key"] for row in told] == [
        "acme",
        "eu-one",
        "eu-two",
        "globex",
        "us-one",
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("https://acme.example.com/x", ["tenant: acme", "state: active", "(decides)"]),
        ("ACME.example.com.:8000", ["host: acme.example.com", "tenant: acme"]),
        ("http://example.com/", ["the shared site", "tests.urls_shared"]),
        ("http://nobody.example.com/", ["404"]),
        ("http://us-one.example.com/", ["state: suspended", "unavailable"]),
        ("http://acme.example.com/static/x.css", ["exempt"]),
        ("http://a_b!/", ["not a host name"]),
    ],
)
def test_explain_says_how_a_url_is_resolved(fleet, url, said):
    out = fleet.manage("tenants", "explain", url).ok().out
    for each in said:
        assert each in out


def test_explain_says_what_a_request_would_use(fleet):
    out = fleet.manage("tenants", "explain", "https://acme.example.com/").ok().out
    where = "schema: acme" if fleet.isolation == "schema" else "acme.sqlite3"
    assert where in out
    assert "urlconf: tests.urls" in out


def test_explain_needs_a_host(fleet):
    refused(fleet.manage("tenants", "explain", "/x"), "has no host")


def test_a_verb_that_is_none_is_refused_with_those_that_are(fleet):
    ended = fleet.manage("tenants", "frobnicate")
    assert ended.status == 2
    assert "adopt" in ended.err


# doctor


def test_doctor_says_what_stands_in_front_of_the_database(fleet):
    said = fleet.manage("tenants", "doctor", "--pooler").ok().out
    found = "SQLite is asked" if fleet.isolation == "sqlite" else "No pooler: "
    assert said.startswith(f"database default\n  ok       pooler: {found}")


def test_doctor_examines_the_placements(fleet):
    said = fleet.manage("tenants", "doctor").ok().out
    found = "Nothing to say" if fleet.isolation == "sqlite" else "  ok       session"
    assert found in said


# create, drop


def test_create_makes_several(project):
    said = project.manage("tenants", "create", "one", "two").ok().out
    assert "one is active" in said
    assert "two is active" in said
    project.manage("tenants", "drop", "one", "two", "--no-input").ok()


def test_create_takes_name_slug_and_domains(project):
    argv = ["--name", "The Third", "--slug", "3rd", "--domain", "B.example.com."]
    project.manage(
        "tenants", "create", "third", *argv, "--domain", "c.example.com"
    ).ok()
    shown = project.manage("tenants", "show", "third", "--format", "json").ok().out
    facts = json.loads(shown)
    assert (facts["name"], facts["slug"]) == ("The Third", "3rd")
    assert facts["domains"] == "b.example.com (primary), c.example.com"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        ([], "Name the key"),
        (["Acme"], "a key is a letter a-z"),
        (["x" * 41], "at most 40"),
        (["www"], "reserved"),
        (["acme"], "there is a tenant of that key already"),
        (["a1", "a2", "--name", "x"], "give one key"),
        (["taken", "--domain", "acme.example.com"], "taken"),
        (["taken", "--domain", "no host"], "is not a host name"),
        (["taken", "--slug", "acme"], "lug"),
        (["taken", "--slug=-x-"], "slug"),
        (["taken", "--placement", "nowhere"], "no placement 'nowhere'"),
        (["--resume", "acme"], "nothing was left unfinished"),
        (["--resume", "nobody"], "nothing was left unfinished"),
        (["public"], "cannot be used"),
        (["pg_x"], "cannot be used"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_create_refuses_what_cannot_be_and_leaves_nothing(project, argv, said):
    if argv[:1] in (["public"], ["pg_x"]) and project.isolation != "schema":
        pytest.skip("a name that only PostgreSQL has")
    before = project.locations(), project.manage("tenants", "list").out
    refused(project.manage("tenants", "create", *argv), said)
    assert (project.locations(), project.manage("tenants", "list").out) == before
    assert project.call(acts.look, "taken")["key"] is None


def test_drop_has_no_default(project):
    for argv in ([], ["--exclude", "acme"], ["--shard", "1/2"]):
        refused(project.manage("tenants", "drop", "--no-input", *argv), "no default")


def test_drop_of_a_key_that_nobody_has_is_an_error(project):
    ended = project.manage("tenants", "drop", "nobody", "--no-input")
    refused(ended, "no tenant 'nobody'")


@pytest.mark.parametrize("answer", ["", "\n", "y\n", "acm\n"])
def test_drop_asks_for_the_key(project, answer):
    ended = project.manage("tenants", "drop", "acme", say=answer)
    refused(ended, "Nothing was dropped")
    assert project.call(acts.look, "acme")["answer"] == 200


def test_drop_does_as_it_is_told(project):
    project.manage("tenants", "create", "gone").ok()
    assert (
        "gone: ok" in project.manage("tenants", "drop", "gone", say="gone\n").ok().out
    )
    assert project.call(acts.look, "gone")["key"] == "dropped"


def test_drop_of_several_asks_for_their_number(project):
    project.manage("tenants", "create", "g1", "g2").ok()
    ended = project.manage("tenants", "drop", "--only", "g?", say="g1\n")
    refused(ended, "Nothing was dropped")
    ended = project.manage("tenants", "drop", "g1,g2", "--format", "json", say="2\n")
    assert project.call(acts.look, "g1")["key"] == "dropped"
    assert project.call(acts.look, "g2")["key"] == "dropped"


def test_drop_tells_json(project):
    project.manage("tenants", "create", "j1").ok()
    ended = project.manage("tenants", "drop", "j1", "--format", "json", "--no-input")
    told = json.loads(ended.ok().out)
    assert (told["verb"], told["done"], told["failed"]) == ("drop", 1, 0)
    assert told["tenants"][0]["key"] == "j1"
