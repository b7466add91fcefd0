"""A single-tenant project made with plain Django becomes the first tenant of many."""

import pytest

from tests.lifecycle import acts
from tests.lifecycle.test_template import catalogue_of
from tests.projects import MARIADB, POSTGRES, SQLITE, TRANSACTIONAL, Project
from tests.settings import base

OURS = {"tenantry", "tests.customers"}
PLAIN = {
    "INSTALLED_APPS": [name for name in base.INSTALLED_APPS if name not in OURS],
    "MIDDLEWARE": [name for name in base.MIDDLEWARE if "tenantry" not in name],
    "DATABASE_ROUTERS": [],
}
ENGINES = {
    "schema": "django.db.backends.postgresql",
    "row": "django.db.backends.postgresql",
    POSTGRES: "django.db.backends.postgresql",
    SQLITE: "django.db.backends.sqlite3",
    MARIADB: "django.db.backends.mysql",
}
ADOPTING = [*TRANSACTIONAL, pytest.param("row", marks=pytest.mark.postgres)]
# Rows that any `migrate` adds for the apps that are new: ours.
FOLLOWING = {"django_content_type", "auth_permission", "django_migrations"}
NEW = {"tenantry", "customers"}


def single_tenant(isolation, folder):
    """Return a project of plain Django, with data."""
    project = Project(isolation, folder)
    plain = {**project.databases().get("owner", project.database())}
    plain["ENGINE"] = ENGINES[isolation]
    project.settings = {**PLAIN, "DATABASES": {"default": plain}}
    project.manage("migrate", "-v0").ok()
    project.cookie = project.call(fill)
    project.before = project.call(tables)
    project.close_server()
    return project


@pytest.fixture(scope="module", params=ADOPTING)
def origin(request, tmp_path_factory):
    made = single_tenant(request.param, tmp_path_factory.mktemp("origin") / "p")
    yield made
    made.close()


@pytest.fixture(scope="module")
def switched(origin, tmp_path_factory):
    made = Project(origin.isolation, tmp_path_factory.mktemp("switched") / "p")
    made.cookie, made.before = origin.cookie, origin.before
    yield made
    made.close()


@pytest.fixture
def project(origin, switched):
    """A copy of the plain project, with its settings switched to ours."""
    switched.restore(origin)
    return switched


def fill():
    """Make rows of every sort, with gaps in their ids; return a session's key."""
    from django.conf import settings
    from django.contrib.admin.models import LogEntry
    from django.contrib.auth.models import Group, Permission, User
    from django.contrib.contenttypes.models import ContentType
    from django.test import Client

    from tests.geo.models import Country
    from tests.shop.models import Author, Book, Note, Tag

    assert "tenantry" not in settings.INSTALLED_APPS
    admin = User.objects.create_superuser("admin", password="secret")
    staff = Group.objects.create(name="staff")
    staff.permissions.set(Permission.objects.order_by("pk")[:3])
    User.objects.create_user("bob", password="secret").groups.add(staff)
    france = Country.objects.create(name="France")
    authors = [Author.objects.create(name=f"A{n}", country=france) for n in range(6)]
    authors.pop(1).delete()
    authors.pop().delete()
    tags = [Tag.objects.create(name=f"T{n}") for n in range(3)]
    for number, author in enumerate(authors):
        book = Book.objects.create(title=f"It's 100% {number}", author=author)
        book.tags.set(tags[: number % 3 + 1])
    about = ContentType.objects.get_for_model(Book)
    Note.objects.create(text="é☃", content_type=about, object_id=1)
    LogEntry.objects.create(
        user=admin, content_type=about, object_id="1", object_repr="x", action_flag=1
    )
    client = Client()
    client.force_login(admin)
    return client.session.session_key


def tables(key=None):
    """Return every table's rows, of the shared site or of a tenant."""
    from contextlib import nullcontext

    from django.conf import settings
    from django.db import connections

    if "tenantry" not in settings.INSTALLED_APPS:
        tenant = nullcontext()
    else:
        from tenantry import override_tenant

        tenant = override_tenant(key)
    with tenant:
        connection = connections["default"]
        with connection.cursor() as cursor:
            found = {}
            for name in sorted(connection.introspection.table_names(cursor)):
                quote = connection.ops.quote_name
                described = connection.introspection.get_table_description(cursor, name)
                columns = ", ".join(quote(column.name) for column in described)
                cursor.execute(f"SELECT {columns} FROM {quote(name)} ORDER BY 1")
                found[name] = [list(map(str, row)) for row in cursor.fetchall()]
    return found


def is_tenants(table):
    return not table.startswith(("geo_", "tenantry_", "customers_", "django_migr"))


def adopted(project, key="acme"):
    """Fail unless all the rows are the tenant's, and nobody else's."""
    own, shared = project.call(tables, key), project.call(tables)
    for table, rows in project.before.items():
        if not is_tenants(table):
            continue
        if table in FOLLOWING:
            assert own[table][: len(rows)] == rows, table
        else:
            assert own[table] == rows, table
    assert {name for name in own if is_tenants(name)} == {
        name for name in project.before if is_tenants(name)
    }
    assert shared["geo_country"] == project.before["geo_country"]
    assert not {"shop_author", "shop_book", "django_admin_log"} & shared.keys()
    for half in ("auth_user", "auth_group", "django_session", "auth_user_groups"):
        assert shared[half] == []
    both = {"auth", "contenttypes", "sessions"}
    assert recorded(own) == both | {"admin", "shop"}
    assert recorded(shared) == both | {"geo", "customers", "tenantry"}
    assert project.call(acts.look, key) == {
        "answer": 200,
        "state": "active",
        "location": True,
        "domains": 1,
        "record": None,
        "key": "used",
    }


def recorded(tables):
    """Return the apps whose migrations are recorded."""
    return {row[1] for row in tables["django_migrations"]}


def adopt(project, *more):
    return project.manage(
        "tenants", "adopt", "--as", "acme", "--domain", "acme.example.com", *more
    )


def test_it_keeps_every_row_and_id(project):
    assert "acme" in adopt(project).ok().out
    adopted(project)
    added = {
        row[1]
        for row in project.call(tables, "acme")["django_content_type"]
        if row not in project.before["django_content_type"]
    }
    assert added <= NEW


def test_its_sequences_go_on(project):
    adopt(project).ok()
    *_, (last, name) = project.call(acts.authors, "acme", add="New")
    assert (last, name) == (7, "New")


def test_a_second_tenant_beside_it_is_empty_and_equal_in_structure(project):
    adopt(project).ok()
    project.manage("tenants", "create", "globex", "--domain", "globex.example.com").ok()
    for table, rows in project.call(tables, "globex").items():
        if table not in FOLLOWING:
            assert rows == [], table
    if project.isolation == "row":  # in the same tables, by the same sequences
        first = 7
    else:
        first = 1
        assert catalogue_of(project, "acme") == catalogue_of(project, "globex")
    assert project.call(acts.authors, "globex", add="Ann") == [[first, "Ann"]]
    adopted(project)


def logged_in(host, cookie):
    """Return what the admin and the old session's cookie give on a host."""
    from django.conf import settings
    from django.test import Client

    client = Client(headers={"host": host})
    login = {"username": "admin", "password": "secret"}
    answer = client.post("/admin/login/?next=/admin/", login)
    page = client.get("/admin/auth/user/")
    old = Client(headers={"host": host})
    old.cookies[settings.SESSION_COOKIE_NAME] = cookie
    return {
        "login": answer.status_code,
        "users": page.content.decode().count("field-username"),
        "old session": old.get("/whoami/").content.decode(),
    }


def test_its_users_log_in_and_sessions_from_before_are_over(project):
    """They are signed with the project's key, and a tenant has one of its own."""
    adopt(project).ok()
    project.manage("tenants", "create", "globex", "--domain", "globex.example.com").ok()
    assert project.call(logged_in, "acme.example.com", project.cookie) == {
        "login": 302,
        "users": 2,
        "old session": "nobody",
    }
    assert project.call(logged_in, "globex.example.com", project.cookie) == {
        "login": 200,
        "users": 0,
        "old session": "nobody",
    }


def test_the_fleet_is_current_afterwards(project):
    adopt(project).ok()
    project.manage("tenants", "create", "globex").ok()
    assert "2 active and current" in project.manage("tenants", "status").ok().out
    project.manage("tenants", "migrate").ok()
    adopted(project)


def adopt_and_die(where):
    """Be killed in the midst of it."""
    from tenantry.cli import adopt as verb
    from tenantry.isolation import isolations
    from tests.customers.models import Tenant

    verb.call_command("migrate", verbosity=0)
    facts = {"key": "acme", "domains": ["acme.example.com"]}
    if where == "midway":
        isolation = isolations["default"]
        original = isolation.adopt

        def then_die(*args):
            original(*args)
            acts.die()

        isolation.adopt = then_die
        verb.adopt(Tenant, **facts)
    step, done = where
    with acts.at_step(step, done, acts.die):
        verb.adopt(Tenant, **facts)


@pytest.mark.parametrize(
    "where",
    [
        ("recorded", False),
        ("recorded", True),
        ("moved", False),
        "midway",
        ("moved", True),
    ],
    ids=str,
)
def test_killed_it_goes_on_where_it_was(project, where):
    assert project.attempt(adopt_and_die, where).killed
    if where == ("moved", True):
        adopted(project)
        return
    seen = project.call(acts.look, "acme")
    assert seen["answer"] == (404 if where == ("recorded", False) else 503)
    adopt(project).ok()
    adopted(project)
    assert "1 active and current" in project.manage("tenants", "status").ok().out


def test_rows_that_came_after_the_kill_are_not_lost(project):
    assert project.attempt(adopt_and_die, "midway").killed
    project.call(write_meanwhile)
    adopt(project).ok()
    assert [7, "Meanwhile"] in project.call(acts.authors, "acme")


def write_meanwhile():
    """Add an author as the project did that is not switched yet."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("INSERT INTO shop_author (name) VALUES ('Meanwhile')")


@pytest.mark.parametrize("where", [("recorded", True), "midway"], ids=str)
def test_killed_it_is_finished_by_resume(project, where):
    assert project.attempt(adopt_and_die, where).killed
    project.manage("tenants", "create", "--resume", "acme").ok()
    project.manage("migrate", "-v0").ok()
    adopted(project)


def migrate_shared(project):
    """Make our own tables, so that what follows can be compared."""
    project.manage("migrate", "-v0").ok()
    return project.call(tables), project.locations()


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["--as", "Acme"], "a key is a letter a-z"),
        (["--as", "www"], "is reserved"),
        (["--as", "acme", "--placement", "nowhere"], "no placement 'nowhere'"),
        (["--as", "acme", "--domain", "not a host"], "is not a host name"),
        (["--as", "x" * 41], "at most 40"),
    ],
    ids=lambda value: value[1] if isinstance(value, list) else "",
)
def test_refused_it_leaves_everything_as_it_was(project, argv, said):
    before = migrate_shared(project)
    ended = project.manage("tenants", "adopt", *argv)
    assert ended.status == 1
    assert said in ended.err
    assert "Traceback" not in ended.err
    assert (project.call(tables), project.locations()) == before


def test_a_location_that_is_there_is_not_touched(project):
    before = migrate_shared(project)[0]
    project.call(make_location)
    there = project.locations()
    ended = adopt(project)
    assert ended.status == 1
    assert "something is where it would be already" in ended.err
    assert (project.call(tables), project.locations()) == (before, there)


def make_location():
    from tenantry.fleet import pool
    from tenantry.isolation import isolations

    isolation = isolations["default"]
    isolation.create_empty(isolation.ref(key="acme"))
    if isolation.shares_tables:
        pool.prepare(pool.pool_of(isolation, "default"))


def test_shared_rows_that_refer_to_what_would_move_are_named(origin, tmp_path):
    project = Project(origin.isolation, tmp_path / "p", copy_of=origin)
    options = project.settings["TENANTRY"]
    options["SHARED_APPS"] = ["customers", "geo", "admin"]
    options["TENANT_APPS"].remove("admin")
    project.settings["SILENCED_SYSTEM_CHECKS"] = ["tenantry.E031"]
    try:
        before = migrate_shared(project)
        ended = adopt(project)
        assert ended.status == 1
        assert "admin.LogEntry.user" in ended.err
        assert (project.call(tables), project.locations()) == before
    finally:
        project.close()


def test_it_is_done_once(project):
    adopt(project).ok()
    before = project.call(tables), project.call(tables, "acme"), project.locations()
    for key in ("acme", "other"):
        ended = project.manage("tenants", "adopt", "--as", key)
        assert ended.status == 1
        assert "Traceback" not in ended.err
    after = project.call(tables), project.call(tables, "acme"), project.locations()
    assert after == before


@pytest.mark.parametrize(
    "isolation",
    [
        pytest.param(POSTGRES, marks=pytest.mark.postgres),
        pytest.param(MARIADB, marks=pytest.mark.mariadb),
    ],
)
def test_an_isolation_that_cannot_says_so(isolation, tmp_path):
    project = single_tenant(isolation, tmp_path / "p")
    project.settings = {
        "DATABASES": {"default": project.database()},
        "TENANTRY": project.tenantry(),
    }
    try:
        before = migrate_shared(project)
        ended = adopt(project)
        assert ended.status == 1
        assert "cannot adopt" in ended.err
        assert (project.call(tables), project.locations()) == before
    finally:
        project.close()
