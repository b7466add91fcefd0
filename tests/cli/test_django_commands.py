"""Django's own commands, for a tenant and without one."""

import json

import django
import pytest

from tests.cli.conftest import FLEET
from tests.lifecycle import acts
from tests.projects import ISOLATIONS, SQLITE, Project
from tests.settings import base

pytestmark = pytest.mark.service(
    "Management commands", "Django's own", by="the tenant that `tenants run` activates"
)


# What is refused before a tenant is asked for is so wherever tenants live.
on_files = pytest.mark.parametrize("fleet", [SQLITE], indirect=True)


def run(project, *argv, only="acme", say=""):
    return project.manage("tenants", "run", "--only", only, "--", *argv, say=say)


def refused(ended, *said):
    assert ended.status == 1, ended
    for each in said:
        assert each in ended.err
    assert "Traceback" not in ended.err


# Where users are tenants' only: a command that needs them says how it is run.


@pytest.fixture(scope="module")
def confined(tmp_path_factory):
    folder = tmp_path_factory.mktemp("confined") / "p"
    tenantry = base.tenantry(
        "tenantry.isolation.DatabaseIsolation", DIRECTORY=str(folder / "tenants")
    )
    tenantry["SHARED_APPS"] = ["customers", "geo"]
    console = "django.core.mail.backends.console.EmailBackend"
    mail = (
        {"MAILERS": {"default": {"BACKEND": console}}}
        if django.VERSION >= (6, 1)
        else {"EMAIL_BACKEND": console}
    )
    made = Project(SQLITE, folder, TENANTRY=tenantry, **mail)
    made.manage("migrate", "-v0").ok()
    made.call(acts.provision, "acme")
    yield made
    made.close()


ASK = "from tests.shop.models import Author; Author.objects.get()"


@pytest.mark.parametrize(
    ("argv", "model"),
    [
        (["createsuperuser", "--no-input", "--username", "x"], "auth.User"),
        (["changepassword", "ann"], "auth.User"),
        (["clearsessions"], "sessions.Session"),
        (["remove_stale_contenttypes", "--no-input"], "contenttypes.ContentType"),
        (["shell", "-v0", "-c", ASK], "shop.Author"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_without_a_tenant_a_command_says_how_it_is_run(confined, argv, model):
    ended = confined.manage(*argv)
    refused(ended, f"{model} belongs to tenants, and no tenant is active.")
    assert f"    manage.py tenants run --only KEY -- {argv[0]}" in ended.err
    whole = confined.manage(*argv, "--traceback")
    assert "Traceback" in whole.err
    assert "NoActiveTenant" in whole.err


def test_mail_is_sent_from_a_tenant_and_without_one(confined):
    argv = ["sendtestemail", "ann@example.com"]
    for ended in (run(confined, *argv), confined.manage(*argv)):
        assert "To: ann@example.com" in ended.ok().out


def test_call_command_raises_what_happened(confined):
    assert confined.call(clear_sessions) == "NoActiveTenant"


def clear_sessions():
    from django.core.management import call_command

    from tenantry.exceptions import NoActiveTenant

    try:
        call_command("clearsessions")
    except NoActiveTenant as error:
        return type(error).__name__


@on_files
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["dumpdata", "shop"], "shop belongs to tenants"),
        (["sqlmigrate", "shop", "0001"], "shop belongs to tenants"),
        (["migrate", "shop"], "tenants migrate shop"),
        (["flush", "--no-input"], "tenants run -- flush"),
    ],
)
def test_what_would_be_empty_or_harmful_is_refused(fleet, argv, said):
    refused(fleet.manage(*argv), said, "manage.py tenants ")


def test_rows_of_tenants_are_not_left_out_silently(fleet, tmp_path):
    file = tmp_path / "data.json"
    rows = [
        {"model": "geo.country", "pk": 77, "fields": {"name": "Land"}},
        {"model": "shop.tag", "pk": 77, "fields": {"name": "red"}},
    ]
    file.write_text(json.dumps(rows))
    refused(fleet.manage("loaddata", str(file)), "shop.Tag belongs to tenants")
    count = "from tests.geo.models import Country; print(Country.objects.count())"
    assert fleet.manage("shell", "-v0", "-c", count).ok().out == "0\n"
    said = fleet.manage("loaddata", "-e", "geo", "-e", "shop", str(file)).ok().out
    assert "Installed 0 object(s)" in said


# For a tenant.


@on_files
@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["runserver"], "it serves every tenant"),
        (["test"], "tests make their tenants in it"),
        (["testserver", "x.json"], "without tenants"),
    ],
)
def test_what_is_not_for_one_tenant_is_refused(fleet, argv, said):
    refused(run(fleet, *argv), said, f"Use: manage.py {argv[0]}")


@on_files
@pytest.mark.parametrize(
    "argv",
    [
        ["shell"],
        ["dbshell"],
        ["changepassword", "ann"],
        ["createsuperuser"],
        ["flush"],
    ],
    ids=lambda argv: argv[0],
)
def test_what_asks_is_for_one_tenant_at_a_time(fleet, argv):
    refused(run(fleet, *argv, only="acme,globex"), "one tenant at a time")
    ended = fleet.manage(
        "tenants", "run", "--only", "acme", "--format=json", "--", *argv
    )
    refused(ended, "one tenant at a time")


def test_the_projects_files_need_no_tenant(fleet, tmp_path):
    ended = run(fleet, "makemigrations", "--check", "--dry-run").ok()
    assert "makemigrations needs no tenant" in ended.err
    assert "No changes detected" in ended.out
    fleet.manage("makemigrations", "--check", "--dry-run").ok()
    ended = run(fleet, "optimizemigration", "shop", "0001", "--check").ok()
    assert "optimizemigration needs no tenant" in ended.err


def test_a_shell_reads_what_it_is_given(fleet):
    code = "from tests.shop.models import Author\nprint(Author.objects.get().name)\n"
    assert run(fleet, "shell", "-v0", say=code).ok().out == "Ann of acme\n"


@pytest.mark.parametrize(
    "argv",
    [
        ["check"],
        ["check", "--database", "default"],
        ["diffsettings"],
        ["showmigrations", "shop"],
        ["sqlmigrate", "shop", "0001"],
        ["inspectdb", "shop_author"],
        ["clearsessions"],
        ["createcachetable", "--dry-run"],
        ["remove_stale_contenttypes", "--no-input"],
    ],
    ids=lambda argv: " ".join(argv[:2]),
)
def test_it_runs_in_a_tenant(fleet, argv):
    assert "Traceback" not in run(fleet, *argv).ok().err


def test_the_tables_that_are_shown_are_the_tenants(fleet):
    assert "[X] 0001_initial" in run(fleet, "showmigrations", "shop").ok().out
    assert "CREATE TABLE" in run(fleet, "sqlmigrate", "shop", "0001").ok().out
    of_tenant = run(fleet, "inspectdb").ok().out
    assert "class ShopAuthor(" in of_tenant
    assert "class TenantryUsedkey(" not in of_tenant
    of_shared = fleet.manage("inspectdb").ok().out
    assert "class ShopAuthor(" not in of_shared
    assert "class TenantryUsedkey(" in of_shared


def test_a_password_is_changed_in_the_tenant_only(project):
    project.call(make_user, "acme")
    project.call(make_user, "globex")
    project.call(change_password, "acme", "ann")
    assert project.call(passwords) == {"acme": True, "globex": False, "shared": None}


def make_user(key):
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    with override_tenant(key):
        User.objects.create_user("ann", password="old")


def change_password(key, name):
    from unittest.mock import patch

    from django.core.management import execute_from_command_line

    argv = ["manage.py", "tenants", "run", "--only", key, "--", "changepassword", name]
    with patch("getpass.getpass", lambda **_: "Xy7-unusual"):
        execute_from_command_line(argv)


def passwords():
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    found = {}
    for key in ("acme", "globex", None):
        with override_tenant(key):
            user = User.objects.filter(username="ann").first()
            found[key or "shared"] = user and user.check_password("Xy7-unusual")
    return found


def test_sessions_are_cleared_in_the_tenant_only(project):
    project.call(make_session, "acme")
    project.call(make_session, "globex")
    run(project, "clearsessions").ok()
    assert project.call(sessions) == [0, 1]


def make_session(key):
    from datetime import UTC, datetime

    from django.contrib.sessions.models import Session

    from tenantry import override_tenant

    with override_tenant(key):
        Session.objects.create(
            session_key="k" * 32, expire_date=datetime(2000, 1, 1, tzinfo=UTC)
        )


def sessions():
    from django.contrib.sessions.models import Session

    from tenantry import override_tenant

    found = []
    for key in ("acme", "globex"):
        with override_tenant(key):
            found.append(Session.objects.count())
    return found


def test_content_types_of_what_is_gone_are_removed_in_the_tenant_only(project):
    assert project.call(stale, add=True) == [1, 1]
    run(project, "remove_stale_contenttypes", "--no-input").ok()
    assert project.call(stale) == [0, 1]


def stale(*, add=False):
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant

    found = []
    for key in ("acme", "globex"):
        with override_tenant(key):
            if add:
                ContentType.objects.create(app_label="shop", model="gone")
            found.append(ContentType.objects.filter(model="gone").count())
    return found


# dbshell


@pytest.fixture(scope="module", params=ISOLATIONS)
def place(request, tmp_path_factory):
    made = Project(request.param, tmp_path_factory.mktemp("place") / "p")
    try:
        made.manage("migrate", "-v0").ok()
        for key in FLEET[:2]:
            made.call(acts.provision, key)
            made.call(acts.authors, key, add=f"Ann of {key}")
        yield made
    finally:
        made.close()


def test_the_databases_own_shell_is_where_the_tenant_lives(place):
    for key in FLEET[:2]:
        ended = run(place, "dbshell", only=key, say="SELECT name FROM shop_author;\n")
        assert f"Ann of {key}" in ended.ok().out
        assert ended.out.count("Ann of") == 1
    shared = place.manage("dbshell", say="SELECT slug FROM customers_tenant;\n").ok()
    assert "globex" in shared.out
    ended = place.manage("dbshell", say="SELECT name FROM shop_author;\n")
    assert "Ann of" not in ended.out


@pytest.mark.parametrize("place", ISOLATIONS[1:3], indirect=True)
def test_control_that_psql_would_see_nothing_by_itself(place):
    ended = place.call(shell_without_settings, "acme")
    assert "Ann of" not in ended


def shell_without_settings(key):
    import os
    import subprocess

    from django.db import connections
    from django.db.backends.postgresql.client import DatabaseClient

    from tenantry import override_tenant

    with override_tenant(key):
        settings = connections["default"].settings_dict
        args, env = DatabaseClient.settings_to_cmd_args_env(
            settings, ["-c", "SELECT name FROM shop_author"]
        )
        done = subprocess.run(
            args,
            env={**os.environ, **(env or {})},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.stdout


# runserver


def test_the_development_server_lists_the_first_tenants(project):
    project.change(DEBUG=True)
    said = project.call(addresses)
    project.change(DEBUG=False)
    assert said[0] == "Tenants:"
    assert said[1] == "  acme: http://acme.localhost:8123/"
    assert len(said) == 1 + len(FLEET)


def addresses():
    import io

    from django.core.management.base import OutputWrapper
    from django.core.management.commands.runserver import Command

    out = io.StringIO()
    command = Command(stdout=out)
    command.stdout = OutputWrapper(out)
    command.addr, command._raw_ipv6 = "127.0.0.1", False
    command.on_bind(8123)
    lines = out.getvalue().splitlines()
    return lines[lines.index("Tenants:") :]
