"""Of all who use a handed-over login at once, in any process, one is let in.

In projects whose users and sessions are shared, with the tenants' tables beside them.
"""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.projects import ISOLATIONS, PROVE, Barrier, Project, wait_at

pytestmark = pytest.mark.service(
    "Login handed over", "shared site to tenant", by="a signed token, used once"
)
SHARED = ["customers", "geo", "contenttypes", "auth", "sessions", "admin"]
PROCESSES = ["one", "two", "three", "four", "five"]
THREADS = 10
# Schemas and rows: shared users and the tenants' tables are in one database.
EACH = ISOLATIONS[1:3] if PROVE else ISOLATIONS[1:2]


@pytest.fixture
def project(request, tmp_path):
    """A project with shared users, two tenants, and one user."""
    made = Project(request.param, tmp_path / "p")
    try:
        made.settings["TENANTRY"] |= {"SHARED_APPS": SHARED, "TENANT_APPS": ["shop"]}
        made.change(ROOT_URLCONF="tests.scopes.handover_shared_urls")
        made.manage("migrate", "-v0").ok()
        for key in ("acme", "globex"):
            domain = f"{key}.example.com"
            made.manage("tenants", "create", key, "--domain", domain).ok()
        yield made
    finally:
        made.close()


def link(key):
    """Return a new link for the user, who is made."""
    from django.contrib.auth.models import User

    from tenantry.scopes.handover import hand_over

    user, _ = User.objects.get_or_create(username="ann")
    return hand_over(user, key)


def use_at_once(url, folder, name):
    """Open the link in each of some threads, together; return what they are told."""
    from django.db import connections

    def use(_):
        try:
            return follow(url)
        finally:
            connections.close_all()

    wait_at(folder, name)
    with ThreadPoolExecutor(THREADS) as executor:
        return list(executor.map(use, range(THREADS)))


def follow(url, host=None):
    """Open the link, at another host if one is given; return who is logged in then."""
    from urllib.parse import urlsplit

    from django.test import Client

    parts = urlsplit(url)
    client = Client(headers={"host": host or parts.hostname})
    if client.get(f"{parts.path}?{parts.query}").status_code != 302:
        return "refused"
    return client.get("/whoami/").content.decode()


@pytest.mark.parametrize("project", EACH, indirect=True)
def test_of_fifty_in_five_processes_one_is_let_in(project, tmp_path):
    url = project.call(link, "acme")
    assert project.call(follow, url, "globex.example.com") == "refused"
    barrier = Barrier(tmp_path, PROCESSES)
    running = [
        project.start(use_at_once, url, str(tmp_path), name) for name in PROCESSES
    ]
    barrier.open()
    said = [answer for each in running for answer in each.wait().ok().result]
    assert sorted(said) == ["ann"] + ["refused"] * (len(PROCESSES) * THREADS - 1)
