"""`kill -9` before or after a step leaves what can be finished, or removed whole."""

import itertools

import pytest

from tests.lifecycle import acts
from tests.projects import PROVE

PROVISIONING = ("recorded", "located", "seeded", "activated")
DROPPING = ("marked", "removed", "files", "gone")
GONE = {
    "answer": 404,
    "state": None,
    "location": False,
    "domains": 0,
    "record": None,
    "key": None,
}
LIVE = {
    "answer": 200,
    "state": "active",
    "location": True,
    "domains": 1,
    "record": None,
    "key": "used",
}
numbers = itertools.count()


def key_for(*words):
    return "-".join(words).replace("_", "-") + f"-{next(numbers)}"


@pytest.fixture(autouse=True)
def nothing_left_over(project):
    if not project.acts > 1:
        project.call(acts.provision, "first")  # makes the template
    before = project.locations()
    yield
    assert project.locations() == before


def kills(steps):
    """Parametrize by step, before or after it, and by what is done about it.

    Half of the pairs; all of them with TENANTRY_PROVE=1.
    """
    return pytest.mark.parametrize(
        ("step", "done", "end"),
        [
            (step, done, end)
            for number, step in enumerate(steps)
            for done in (False, True)
            for end in ("resume", "drop")
            if PROVE or (number % 2 == 0) == (done == (end == "drop"))
        ],
    )


@kills(PROVISIONING)
def test_a_provisioning_that_was_killed_is_finished_or_removed(  # noqa: PLR0917
    project, step, done, end
):
    key = key_for(step, str(done).lower())
    assert project.attempt(acts.die_in_provision, key, step, done).killed
    seen = project.call(acts.look, key)
    if (step, done) == ("recorded", False):
        assert seen == GONE
        assert project.manage("tenants", "create", "--resume", key).status == 1
        assert project.manage("tenants", "drop", key, "--no-input").status == 1
        return
    if (step, done) == ("activated", True):
        assert seen == LIVE
    else:
        assert seen["answer"] == 503
        assert seen["record"] == "provision"
        status = project.manage("tenants", "status").ok().out
        assert key in status
        assert "provision" in status
    if end == "resume" and seen["record"]:
        project.manage("tenants", "create", "--resume", key).ok()
        assert project.call(acts.look, key) == LIVE
        assert project.call(acts.names, key, add="Ann") == ["Ann"]
    project.manage("tenants", "drop", key, "--no-input").ok()
    assert project.call(acts.look, key) == GONE | {"key": "dropped"}


@kills(DROPPING)
def test_a_drop_that_was_killed_is_finished(project, step, done, end):  # noqa: PLR0917
    key = key_for(step, str(done).lower())
    project.call(acts.provision, key)
    assert project.attempt(acts.die_in_drop, key, step, done).killed
    seen = project.call(acts.look, key)
    if (step, done) == ("marked", False):
        assert seen == LIVE
        project.call(acts.drop, key)
    elif (step, done) != ("gone", True):
        assert seen["answer"] == 503
        assert seen["record"] == "drop"
        if end == "resume":
            project.manage("tenants", "create", "--resume", key).ok()
        else:
            project.manage("tenants", "drop", key, "--no-input").ok()
    assert project.call(acts.look, key) == GONE | {"key": "dropped"}


def test_a_tenant_is_resumed_by_naming_none(project):
    key = key_for("all")
    assert project.attempt(acts.die_in_provision, key, "located", True).killed
    assert (
        f"{key} is active" in project.manage("tenants", "create", "--resume").ok().out
    )
    project.call(acts.drop, key)


def test_seeding_that_was_killed_begins_anew(project):
    """Rows seeded before the kill are not there twice."""
    key = key_for("seed")
    assert project.attempt(seed_and_die, key).killed
    project.call(resume_seeding, key)
    assert project.call(acts.names, key) == ["seeded"]
    project.call(acts.drop, key)


def seed_and_die(key):
    from tenantry.signals import tenant_provisioned

    tenant_provisioned.connect(seed)
    acts.die_in_provision(key, "seeded", True)


def resume_seeding(key):
    from tenantry.lifecycle.provision import resume
    from tenantry.signals import tenant_provisioned

    tenant_provisioned.connect(seed)
    resume(key)


def seed(**_):
    from tests.shop.models import Author

    Author.objects.create(name="seeded")
