"""Commands act on tenants of all kinds and placements; declared tenants are made."""

import json

import pytest

from tests.kinds.conftest import ALL, DECLARED

pytestmark = pytest.mark.postgres


def of_kind(kind):
    return sorted(key for key, (_, its) in ALL.items() if its == kind)


def listed(world, *argv):
    out = world.manage("tenants", "list", "--format", "json", *argv).ok().out
    return {row["key"]: row for row in json.loads(out)}


def test_list_shows_kind_placement_and_what_is_declared(world):
    for key, row in listed(world).items():
        assert (row["placement"], row["kind"]) == ALL[key]
        assert row["declared"] == ("yes" if key in DECLARED else "-")


@pytest.mark.parametrize("choice", [["--kind", "blog"], ["--where", "kind=blog"]])
def test_tenants_are_chosen_by_kind(world, choice):
    assert sorted(listed(world, *choice)) == of_kind("blog")


def test_a_kind_that_is_none_is_refused(world):
    ended = world.manage("tenants", "list", "--kind", "blogs")
    assert ended.status == 1
    assert "no kind 'blogs'; there are: default, blog, board" in ended.err


def test_run_runs_in_each_of_the_kind(world):
    argv = ("run", "--kind", "board", "--format", "json", "--", "dumpdata", "gadgets")
    told = json.loads(world.manage("tenants", *argv).ok().out)
    rows = {each["key"]: json.loads(each["result"]) for each in told["tenants"]}
    assert {key: found[0]["fields"]["name"] for key, found in rows.items()} == {
        key: f"of {key}" for key in of_kind("board")
    }


def test_run_tells_what_the_kind_lacks(world):
    ended = world.manage("tenants", "run", "--", "dumpdata", "shop")
    assert ended.status == 1
    for key in ALL:
        assert (f"  {key}: CommandError" in ended.err) == (
            key not in of_kind("default")
        )


def test_migrate_of_an_app_is_refused_where_it_is_not(world):
    one = world.manage("tenants", "run", "--only", "globex", "--", "migrate", "shop")
    assert "has no tables in tenant 'globex'" in one.err
    shared = world.manage("migrate", "gadgets", "zero")
    assert "has no tables in the shared database" in shared.err
    assert (one.status, shared.status) == (1, 1)


def test_all_are_current(world):
    assert f"{len(ALL)} active and current" in world.manage("tenants", "status").out
    told = world.manage("tenants", "migrate").ok().out
    assert f"{len(ALL)} were up to date, 0 migrated" in told


# --- declared tenants


def test_what_is_declared_is_made_once(world):
    before = listed(world)
    out = world.manage("tenants", "create", "--declared").ok().out
    assert out.splitlines() == ["www is as declared", "hq is as declared"]
    assert listed(world) == before
    for key in DECLARED:
        assert before[key]["name"] == f"Our {key}"


def test_what_is_declared_cannot_be_dropped(world):
    ended = world.manage("tenants", "drop", "www", "--no-input")
    assert ended.status == 1
    assert "Remove it from TENANTRY['DECLARED_TENANTS'] first" in ended.err
    assert "is as declared" in world.manage("tenants", "create", "--declared").ok().out


@pytest.mark.parametrize("key", ["www", "hq"])
def test_what_is_declared_is_no_customers(world, key):
    """`www` is reserved, `hq` only declared."""
    for argv in ([key], ["other", "--slug", key]):
        ended = world.manage("tenants", "create", *argv)
        assert ended.status == 1
        assert f"{key!r} is" in ended.err
    assert "other" not in listed(world)


def admin_edits(key, **changes):
    """Validate and save a row as the admin does; return what is wrong."""
    from django.core.exceptions import ValidationError

    from tests.customers.models import Tenant

    tenant = Tenant.objects.get(key=key)
    for name, value in changes.items():
        setattr(tenant, name, value)
    try:
        tenant.full_clean()
    except ValidationError as error:
        return error.messages
    tenant.save()
    return None


def test_a_declared_tenant_can_be_edited(world):
    assert world.call(admin_edits, "www", name="Renamed") is None
    assert world.call(admin_edits, "acme", slug="www") is not None
    out = world.manage("tenants", "create", "--declared").ok().out
    assert "www name is now 'Our www'" in out


@pytest.fixture
def declared(world):
    """Change what is declared; put it back afterwards."""
    before = world.settings["TENANTRY"]["DECLARED_TENANTS"]

    def change(**changes):
        world.set(DECLARED_TENANTS={**before, **changes})
        return before

    yield change
    world.set(DECLARED_TENANTS=before)


def test_what_differs_is_brought_up_to_date_or_told(world, declared):
    given = world.settings["TENANTRY"]["DECLARED_TENANTS"]
    www = {**given["www"], "DOMAINS": ["WWW.example.com", "www2.example.com"]}
    declared(
        www={**www, "KIND": "board"},
        hq={**given["hq"], "DOMAINS": ["acme.example.com"]},
        help={"SLUG": "support", "PLACEMENT": "files", "KIND": "board"},
    )
    ended = world.manage("tenants", "create", "--declared")
    assert ended.status == 1
    assert "www: kind is 'blog' for good, and declared as 'board'" in ended.err
    assert "hq: domain acme.example.com is 'acme''s" in ended.err
    assert ended.out.splitlines()[0] == "www has domain www2.example.com"
    assert "help is active" in ended.out
    shown = world.manage("tenants", "show", "help", "--format", "json").ok().out
    facts = json.loads(shown)
    assert (facts["slug"], facts["kind"], facts["declared"]) == (
        "support",
        "board",
        True,
    )
    world.set(DECLARED_TENANTS=given)
    world.manage("tenants", "drop", "help", "--no-input").ok()


def test_what_is_not_made_yet_is_told(world, declared):
    declared(help={"NAME": "Help"})
    status = world.manage("tenants", "status").ok().out
    assert "help  declared, not made" in status
    assert "1 declared tenants are not made yet" in status
    assert "help" not in world.manage("tenants", "status", "--only", "acme").ok().out
    checked = world.manage("check", "--database", "default").ok()
    assert "tenantry.W053" in checked.err
    assert "W053" not in world.manage("check").ok().err


def test_a_kind_that_is_gone_is_told(world):
    kinds = world.settings["TENANTRY"]["KINDS"]
    world.set(KINDS={"blog": kinds["blog"]}, DECLARED_TENANTS={})
    try:
        checked = world.manage("check", "--database", "default")
        assert "tenantry.E054" in checked.err
        status = world.manage("tenants", "status").ok().out
        for key in of_kind("board"):
            assert "There is no kind 'board'" in status
            assert key in status
        assert "acme" not in status
    finally:
        world.set(KINDS=kinds, DECLARED_TENANTS=world.tenantry()["DECLARED_TENANTS"])


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["acme", "--declared"], "name no key"),
        (["--declared", "--resume"], "not allowed with"),
        (["new", "--kind", "blogs"], "no kind 'blogs'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_create_refuses_what_cannot_be(world, argv, said):
    ended = world.manage("tenants", "create", *argv)
    assert ended.status
    assert said in ended.err
    assert "Traceback" not in ended.err
