"""Wagtail from the package index, unmodified, is many separate Wagtails."""

import pytest

from tests.acceptance import sites
from tests.acceptance.browser import host
from tests.acceptance.sites import KEYS, PROVEN, ROW, SCHEMA, SQLITE, other

pytest.importorskip("wagtail", reason="install the extra `acceptance`")
SETTINGS = "tests.acceptance.wagtail_project.settings"
OLDER = "wagtail-6.3"
ORIGINS = [
    SQLITE,
    SCHEMA,
    ROW,
    *(
        pytest.param(f"{each.values[0]}, from {OLDER}", marks=each.marks)
        for each in ([SCHEMA, ROW] if PROVEN else [])
    ),
]
MADE_FROM_ZERO = {}


@pytest.fixture(scope="module", params=ORIGINS)
def project(request, tmp_path_factory):
    """Return a project of two edited sites; made by an older Wagtail, then upgraded."""
    isolation, _, older = request.param.partition(", from ")
    made = sites.make(isolation, tmp_path_factory.mktemp("wagtail") / "p", SETTINGS)
    made.older = older
    try:
        if older:
            made.packages = [sites.packages(older)]
        else:
            made.warnings = "error"
        sites.provision(made)
        made.edited = sites.fill(made, edit)
        if older:
            upgrade(made)
        elif isolation != "sqlite":
            MADE_FROM_ZERO[isolation] = sites.catalogue(made)
        yield made
    finally:
        made.close()


def upgrade(made):
    """Go on with the Wagtail and the Django that are installed."""
    older = made.call(version)
    made.close_server()
    made.packages, made.warnings = (), "error"
    assert made.call(version) > older
    made.manage("migrate", "-v0").ok()
    assert "0 active and current" in made.manage("tenants", "status").ok().out
    made.manage("tenants", "migrate").ok()


def version():
    """Return Wagtail's version."""
    import wagtail

    return wagtail.VERSION


def edit(key):
    """Make a user, then a page by Wagtail's own views; return what they answered."""
    from django.contrib.auth.models import User
    from django.test import Client
    from wagtail.models import Page, Site

    from tenantry import override_tenant

    with override_tenant(key):
        User.objects.create_superuser("editor", password=f"secret of {key}")
        root = Site.objects.get().root_page_id
        Site.objects.update(hostname=host(key))
    client = Client(headers={"host": host(key)})
    assert client.get("/admin/").status_code == 302
    login = {"username": "editor", "password": f"secret of {key}", "next": "/admin/"}
    assert client.post("/admin/login/", login).headers["Location"] == "/admin/"
    assert b"Acceptance" in client.get("/admin/").content
    add = f"/admin/pages/add/pages/article/{root}/"
    assert client.get(add).status_code == 200
    drafted = client.post(add, page(f"Draft of {key}", key))
    assert drafted.status_code == 302, errors(drafted)
    with override_tenant(key):
        made = Page.objects.get(slug="news")
    assert Client(headers={"host": host(key)}).get("/news/").status_code == 404
    change = f"/admin/pages/{made.pk}/edit/"
    assert f"Draft of {key}" in client.get(change).content.decode()
    published = client.post(
        change, {**page(f"News of {key}", key), "action-publish": "1"}
    )
    assert published.status_code == 302, errors(published)
    return {"page": made.pk, "session": client.cookies["sessionid"].value}


def page(title, key):
    """Return what the page's form sends."""
    empty = {"TOTAL_FORMS": 0, "INITIAL_FORMS": 0, "MIN_NUM_FORMS": 0}
    return {
        "title": title,
        "slug": "news",
        "body": f"Body of {key}: zebra, walrus-{key}",
        **{f"comments-{name}": value for name, value in empty.items()},
        "comments-MAX_NUM_FORMS": 1000,
    }


def errors(response):
    return response.status_code, response.context and response.context["form"].errors


def fetch(key, *paths, login=False):
    """Return the text of pages of a host."""
    from django.test import Client

    client = Client(headers={"host": host(key)})
    if login:
        facts = {"username": "editor", "password": f"secret of {key}"}
        assert client.post("/admin/login/", facts).status_code == 302
    return [client.get(path).content.decode() for path in paths]


def test_ids_collide(project):
    """The premise: nothing but the tenant tells the two sites apart."""
    first, second = (project.edited[key] for key in KEYS)
    assert first["page"] == second["page"]
    assert first["session"] != second["session"]


@pytest.mark.parametrize("key", KEYS)
def test_each_serves_its_own_page(project, key):
    (text,) = project.call(fetch, key, "/news/")
    assert f"News of {key}" in text
    assert f"Body of {key}" in text
    assert f'href="http://{host(key)}/news/"' in text
    assert other(key) not in text


def both(first, second):
    """Fetch of both in one process, twice: caches are warm with the other's."""
    return [fetch(key, "/news/")[0] for key in (first, second, first, second)]


def test_in_one_process_they_do_not_mix(project):
    texts = project.call(both, *KEYS)
    for key, text in zip(KEYS * 2, texts, strict=True):
        assert f"News of {key}" in text
        assert other(key) not in text


def fetch_unswitched(key, active):
    """Fetch with the middleware's switch of tenants broken: it knows one only."""
    from tenantry import middleware, override_tenant

    middleware.override_tenant = lambda _: override_tenant(active)
    return fetch(key, "/news/")[0]


def test_without_the_switch_the_other_is_served(project):
    """The negative control: the same URL leads to the other's page."""
    text = project.call(fetch_unswitched, "globex", "acme")
    assert "News of acme" in text
    assert "globex" not in text


@pytest.mark.parametrize("key", KEYS)
def test_each_finds_its_own_by_search(project, key):
    paths = [f"/search/?query={word}" for word in ("zebra", key, other(key))]
    news = f"News of {key}"
    assert project.call(fetch, key, *paths) == [news, news, ""]
    admin = f"/admin/pages/search/?q={key}"
    (listed,) = project.call(fetch, key, admin, login=True)
    assert f"News of {key}" in listed
    (listed,) = project.call(
        fetch, key, f"/admin/pages/search/?q={other(key)}", login=True
    )
    assert f"News of {other(key)}" not in listed


@pytest.mark.parametrize("key", KEYS)
def test_each_has_its_own_history(project, key):
    number = project.edited[key]["page"]
    history, site = project.call(
        fetch,
        key,
        f"/admin/pages/{number}/history/",
        "/admin/reports/site-history/",
        login=True,
    )
    assert f"News of {key}" in history
    assert "Published" in history
    assert f"News of {key}" in site
    assert other(key) not in site
    log = project.call(log_of, key)
    assert ["wagtail.create", f"Draft of {key}"] in log
    assert log[-1] == ["wagtail.publish", f"News of {key}"]


def log_of(key):
    """Return the audit log of a tenant's page."""
    from wagtail.models import PageLogEntry

    from tenantry import override_tenant

    with override_tenant(key):
        entries = PageLogEntry.objects.order_by("timestamp", "pk")
        return list(entries.values_list("action", "label"))


def test_a_session_of_one_is_worthless_in_the_other(project):
    assert project.call(admin_with, "acme", project.edited["acme"]["session"]) == 200
    assert project.call(admin_with, "globex", project.edited["acme"]["session"]) == 302


def admin_with(key, session):
    """Return how the admin answers to a session's key."""
    from django.conf import settings
    from django.test import Client

    client = Client(headers={"host": host(key)})
    client.cookies[settings.SESSION_COOKIE_NAME] = session
    return client.get("/admin/").status_code


def upload(key):
    """Upload an image by Wagtail's own view; return its id and the list of titles."""
    import io

    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client
    from PIL import Image as Picture
    from wagtail.images.models import Image
    from wagtail.models import Collection

    from tenantry import override_tenant

    client = Client(headers={"host": host(key)})
    facts = {"username": "editor", "password": f"secret of {key}"}
    client.post("/admin/login/", facts)
    file = io.BytesIO()
    Picture.new("RGB", (8, 8), "red").save(file, "PNG")
    with override_tenant(key):
        collection = Collection.objects.first().pk
    answer = client.post(
        "/admin/images/add/",
        {
            "title": f"Picture of {key}",
            "collection": collection,
            "file": SimpleUploadedFile("red.png", file.getvalue(), "image/png"),
        },
    )
    assert answer.status_code == 302, errors(answer)
    with override_tenant(key):
        image = Image.objects.get()
        rendition = image.get_rendition("width-4").width
    listed = client.get("/admin/images/").content.decode()
    return image.pk, image.title, rendition, f"Picture of {other(key)}" in listed


def test_each_has_its_own_images(project):
    for key in KEYS:
        _, *facts = project.call(upload, key)
        assert facts == [f"Picture of {key}", 4, False]


def test_nothing_of_wagtail_is_shared(project):
    """The shared database holds the catalog, and no table of a tenant's app."""
    assert project.call(sites.shared_tables) == []


def test_the_fleet_is_current(project):
    assert "2 active and current" in project.manage("tenants", "status").ok().out


def test_what_was_upgraded_is_what_is_made_from_zero(project, tmp_path):
    """Columns, constraints, indexes and policies of all tables are the same."""
    if not project.older:
        return  # it is what the others are compared with
    isolation = project.isolation
    if isolation not in MADE_FROM_ZERO:
        new = sites.make(isolation, tmp_path / "p", SETTINGS)
        try:
            sites.provision(new)
            MADE_FROM_ZERO[isolation] = sites.catalogue(new)
        finally:
            new.close()
    expected, found = MADE_FROM_ZERO[isolation], sites.catalogue(project)
    assert found - expected == expected - found == set()
    assert len(found) > 500
