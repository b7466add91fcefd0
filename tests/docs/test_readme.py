"""The README is true: its commands exist, and each line of its first steps runs."""

import json
import re
import secrets
import tomllib
from importlib.metadata import distribution

import pytest

from tenantry.management.commands.tenants import VERBS
from tests import servers
from tests.docs import pages, readme, sites
from tests.docs.pages import README, ROOT

MOST_LINES = 40
LOOK = """
import json
from customers.models import Domain, Tenant
from django.contrib.auth.models import User
from django.test import Client
from shop.models import Book
from tenantry import override_tenant

def titles():
    return [[book.pk, book.title] for book in Book.objects.order_by("pk")]

facts = {"tenants": {}, "answers": {}}
for tenant in Tenant.objects.all():
    with override_tenant(tenant):
        facts["tenants"][tenant.key] = {
            "state": tenant.state,
            "books": titles(),
            "users": [user.username for user in User.objects.all()],
        }
for host in ("acme.localhost", "globex.localhost", "globex.example.com", "localhost",
             "nobody.localhost"):
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "SESSION"
    pages = {}
    for path in ("/", "/admin/"):
        response = client.get(path, headers={"host": host + ":8000"})
        pages[path] = [response.status_code, response.content.decode()[:40]]
    facts["answers"][host] = pages
with override_tenant("globex"):
    made = Book.objects.create(title="Ours")
    facts["next"] = made.pk
with override_tenant("acme"):
    facts["acme after"] = titles()
    facts["next in acme"] = Book.objects.create(title="New").pk
print(json.dumps(facts))
"""


def look(site, session):
    """Return what a newcomer would see."""
    return json.loads(site.python(LOOK.replace("SESSION", session)))


def require_two_tenants(facts):
    """Fail unless there are two, the first with the project's data, the second bare."""
    acme, globex = facts["tenants"]["acme"], facts["tenants"]["globex"]
    assert sorted(facts["tenants"]) == ["acme", "globex"]
    assert acme["state"] == globex["state"] == "active"
    assert acme["books"] == facts["acme after"]
    assert [title for _, title in acme["books"]] == ["Dune"]
    assert acme["users"] == ["ann"]
    assert globex["books"] == globex["users"] == []
    assert facts["next"] == 1
    assert facts["next in acme"] == acme["books"][0][0] + 1

    answers = facts["answers"]
    dune = f"{acme['books'][0][0]}:Dune"
    assert answers["acme.localhost"]["/"] == [200, dune]
    assert answers["globex.localhost"]["/"] == [200, ""]
    assert answers["globex.example.com"]["/"] == [200, ""]
    assert answers["localhost"]["/"] == [200, "Choose your shop."]
    assert answers["nobody.localhost"]["/"][0] == 404
    # Who was logged in before logs in again: what the project signed is nobody's.
    assert answers["acme.localhost"]["/admin/"][0] == 302
    assert answers["globex.localhost"]["/admin/"][0] == 302
    assert answers["localhost"]["/admin/"][0] == 404


def test_readme_takes_a_project_with_data_to_two_tenants(readme_site, site_copy):
    _, session, answers = readme_site
    require_two_tenants(look(site_copy, session))
    assert answers["acme.localhost"][0] == 200
    assert answers["acme.localhost"][1].endswith(":Dune")
    assert answers["globex.localhost"] == (200, "")
    assert answers["localhost"] == (200, "Choose your shop.")


@pytest.mark.postgres
def test_readme_takes_a_project_with_data_to_two_schemas(tmp_path):
    import psycopg

    server = servers.postgres()
    name = f"tenantry_readme_{secrets.token_hex(4)}"
    facts = {
        "host": server["HOST"],
        "port": server["PORT"] or None,
        "user": server["USER"] or None,
        "password": server["PASSWORD"] or None,
        "dbname": "postgres",
        "autocommit": True,
    }
    with psycopg.connect(**facts) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    try:
        site, session = sites.existing_project(tmp_path, {**server, "NAME": name})
        sites.follow(site, readme.steps(schemas=True))
        require_two_tenants(look(site, session))
        with psycopg.connect(**{**facts, "dbname": name}) as connection:
            schemas = connection.execute(
                "SELECT schemaname FROM pg_tables WHERE tablename = 'shop_book'"
            ).fetchall()
        assert sorted(schemas) == [("acme",), ("globex",)]
    finally:
        with psycopg.connect(**facts) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def test_first_steps_are_under_forty_lines():
    lines = [line for block in readme.steps() for line in block.code_lines]
    assert len(lines) + len(readme.for_schemas().code_lines) < MOST_LINES


def test_schemas_are_chosen_by_two_lines():
    assert len(readme.for_schemas().code_lines) == 2


def test_readme_begins_with_the_two_commands_of_the_makefile():
    first = pages.blocks(README)[0]
    assert first.line < 5
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    commands = [command.split() for command in first.text.splitlines()]
    assert [make for make, _ in commands] == ["make", "make"]
    assert {target for _, target in commands} <= set(targets)


def test_readme_installs_the_distribution_that_this_is():
    installs = [
        line.removeprefix("pip install ")
        for block in readme.steps()
        for line in block.text.splitlines()
        if line.startswith("pip install ")
    ]
    assert installs == [distribution("django-tenantry").name]


def test_readme_is_what_the_package_index_shows():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["readme"] == README.name


def test_readme_lists_every_verb():
    table = pages.rows(pages.section(README, "Commands"))
    assert [pages.names(cells[0])[0].split()[0] for cells in table] == list(VERBS)


MISSING = """
from customers.models import Tenant
from shop.models import Book
from tenantry import override_tenant

acme = Tenant.objects.get(key="acme")
acme.placement = "elsewhere"
for act in (acme.save, lambda: Book.objects.using("replica").count()):
    try:
        with override_tenant("acme"):
            act()
    except Exception as error:
        print(type(error).__name__, error)
"""


def test_what_readme_says_is_missing_is_refused(site_copy):
    moved, replica = site_copy.python(MISSING).splitlines()
    assert "placement of tenant 'acme' is permanent" in moved
    assert replica.startswith("NotSupported")
