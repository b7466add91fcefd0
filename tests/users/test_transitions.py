"""From one arrangement of people to another: what the page on the choice says to do."""

import json

import pytest

from tests.lifecycle import acts
from tests.projects import SQLITE, Project
from tests.settings import base
from tests.settings.arrangements import arranged

KEYS = ("acme", "globex")
PK = 7  # of a user in each tenant: other people


def settings_of(project, arrangement):
    """Return what the arrangement changes of a project's settings."""
    found = {"INSTALLED_APPS": base.INSTALLED_APPS, "TENANTRY": project.tenantry()}
    changed = arranged(found, arrangement)
    options = changed["TENANTRY"]
    options["SHARED_URLCONF"] = "tests.urls_shared"
    return {name: changed[name] for name in ("INSTALLED_APPS", "TENANTRY")}


def fill(key):
    """Make a user whose key is another's in the other tenant, and a row of theirs."""
    from django.contrib.admin.models import ADDITION, LogEntry
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant
    from tests.shop.models import Author

    with override_tenant(key):
        user = User.objects.create_user(f"ann-{key}", password=f"pw-{key}", pk=PK)
        author = Author.objects.create(name=f"by {key}")
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(Author),
            object_id=str(author.pk),
            object_repr=str(author),
            action_flag=ADDITION,
        )


def look(key):
    """Return whose the row is, of what, and whether its user's password is good."""
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth import authenticate

    from tenantry import override_tenant

    with override_tenant(key):
        (row,) = LogEntry.objects.all()
        name = row.user.username
        user = authenticate(username=name, password=f"pw-{key}")
        return [name, row.get_edited_object().name, user is not None]


@pytest.fixture
def confined(tmp_path):
    """A project with two tenants that have users of their own."""
    made = Project(SQLITE, tmp_path / "old")
    made.change(**settings_of(made, "confined"))
    try:
        made.manage("migrate", "-v0").ok()
        for key in KEYS:
            made.call(acts.provision, key)
            made.call(fill, key)
        yield made
    finally:
        made.close()


def test_staff_come_to_confined_users_by_settings_alone(confined):
    before = [confined.call(look, key) for key in KEYS]
    confined.change(**settings_of(confined, "both"))
    confined.manage("migrate", "-v0").ok()
    assert [confined.call(look, key) for key in KEYS] == before
    assert confined.call(acts.provision, "initech") == "initech"
    confined.change(**settings_of(confined, "confined"))
    assert [confined.call(look, key) for key in KEYS] == before


def test_confined_users_become_members_by_fixtures(confined, tmp_path):
    for key in KEYS:
        for names, way in (
            (["auth.User"], "--natural-primary"),
            (["shop", "admin"], "--natural-foreign"),
        ):
            file = tmp_path / f"{key}-{names[0]}.json"
            confined.manage(
                *("tenants", "run", "--only", key, "--", "dumpdata"),
                *(*names, way, "-o", str(file)),
            ).ok()
    new = Project(SQLITE, tmp_path / "new")
    new.change(**settings_of(new, "members"))
    try:
        new.manage("migrate", "-v0").ok()
        for key in KEYS:
            new.manage("loaddata", str(tmp_path / f"{key}-auth.User.json")).ok()
            new.call(acts.provision, key)
            new.manage(
                *("tenants", "run", "--only", key, "--"),
                *("loaddata", str(tmp_path / f"{key}-shop.json")),
            ).ok()
            before = new.call(look, key)
            new.manage("tenants", "grant", key, f"ann-{key}", "owner").ok()
            assert before == [f"ann-{key}", f"by {key}", False]
            assert new.call(look, key) == [f"ann-{key}", f"by {key}", True]
        rows = json.loads((tmp_path / "acme-shop.json").read_text())
        assert {"shop.author", "admin.logentry"} <= {row["model"] for row in rows}
    finally:
        new.close()


def fill_of_members(key):
    """Make one who is a member of each tenant, and a row of theirs."""
    from django.contrib.admin.models import ADDITION, LogEntry
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant
    from tenantry.users.people import people_of
    from tests.shop.models import Author

    user, is_new = User.objects.get_or_create(username="ann")
    if is_new:
        user.set_password("pw")
        user.save()
    with override_tenant(key):
        people_of(key).add(user, "owner")
        author = Author.objects.create(name=f"by {key}")
        LogEntry.objects.create(
            user=user,
            content_type=ContentType.objects.get_for_model(Author),
            object_id=str(author.pk),
            object_repr=str(author),
            action_flag=ADDITION,
        )


def look_for(key, password):
    """Return whose the row is, and whether the password is good in the tenant."""
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth import authenticate

    from tenantry import override_tenant

    with override_tenant(key):
        (row,) = LogEntry.objects.all()
        user = authenticate(username=row.user.username, password=password)
        return [row.user.username, user == row.user]


def test_members_become_confined_users_by_fixtures(tmp_path):
    old, new = (Project(SQLITE, tmp_path / name) for name in ("old", "new"))
    try:
        old.change(**settings_of(old, "members"))
        new.change(**settings_of(new, "confined"))
        users = str(tmp_path / "users.json")
        for project in (old, new):
            project.manage("migrate", "-v0").ok()
            for key in KEYS:
                project.call(acts.provision, key)
        for key in KEYS:
            old.call(fill_of_members, key)
        old.manage("dumpdata", "auth.User", "--natural-primary", "-o", users).ok()
        for key in KEYS:
            rows, of = str(tmp_path / f"{key}.json"), ("tenants", "run", "--only", key)
            dump = ("dumpdata", "shop", "admin", "--natural-foreign", "-o", rows)
            old.manage(*of, "--", *dump).ok()
            for file in (users, rows):
                new.manage(*of, "--", "loaddata", file).ok()
            assert new.call(look_for, key, "pw") == ["ann", True]
    finally:
        old.close()
        new.close()
