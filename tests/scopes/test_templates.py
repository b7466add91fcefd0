"""A tenant's own templates are its own: from files, from rows, and in the cache."""

import asyncio
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, TemplateDoesNotExist, autoreload
from django.template.engine import Engine
from django.test import RequestFactory

from tenantry import get_tenant, override_tenant
from tenantry.scopes import templates
from tests.projects import ISOLATIONS, migrated
from tests.scopes import sandwich
from tests.scopes.places import ACME, GLOBEX

OURS = "tenantry.scopes.templates"
FILES, CACHED = f"{OURS}.FileLoader", f"{OURS}.CachedLoader"
DJANGO = "django.template.loaders"
BY_FOLDER = "a folder for each tenant, looked up as the template is"
BY_CACHE = "the tenant is part of the cache's key"


@pytest.fixture
def folder(tmp_path):
    """Templates of everybody's, and some of acme's and globex's own."""
    files = {
        "all/base.html": "[base {% block body %}{% endblock %}]",
        "all/home.html": '{% extends "base.html" %}{% block body %}home{% endblock %}',
        "all/part.html": "part",
        "all/page.html": 'page {% include "part.html" %}',
        "tenants/acme/templates/base.html": (
            '{% extends "base.html" %}'
            "{% block body %}acme {{ block.super }}{% endblock %}"
        ),
        "tenants/acme/templates/part.html": "acme's part",
        "tenants/globex/templates/part.html": 'globex {% include "base.html" %}',
        "tenants/globex/templates/secret.html": "secret",
    }
    for name, text in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def engine(folder, *, cache=CACHED, debug=False):
    loaders = [
        (FILES, [folder / "tenants" / "{key}" / "templates"]),
        (f"{DJANGO}.filesystem.Loader", [folder / "all"]),
    ]
    chosen = [(cache, loaders)] if cache else loaders
    return Engine(loaders=chosen, debug=debug)


def render(engine, name, tenant):
    with override_tenant(tenant):
        return engine.get_template(name).render(Context())


KINDS = pytest.mark.parametrize("cache", [CACHED, None], ids=["cached", "plain"])
DEBUG = pytest.mark.parametrize("debug", [False, True], ids=["", "debug"])


@KINDS
@DEBUG
def test_a_tenant_overrides_extends_and_includes(folder, cache, debug):
    made = engine(folder, cache=cache, debug=debug)
    for _ in range(2):
        # A's base extends the base of the same name; a page of everybody's gets it.
        assert render(made, "home.html", ACME) == "[base home]"
        assert render(made, "base.html", ACME) == "[base acme ]"
        assert render(made, "page.html", ACME) == "page acme's part"
        assert render(made, "home.html", GLOBEX) == "[base home]"
        assert render(made, "page.html", GLOBEX) == "page globex [base ]"
        assert render(made, "base.html", GLOBEX) == "[base ]"
        assert render(made, "page.html", None) == "page part"


@KINDS
@DEBUG
def test_a_name_that_leads_out_of_the_folder_is_not_found(folder, cache, debug):
    made = engine(folder, cache=cache, debug=debug)
    target = folder / "tenants" / "globex" / "templates" / "secret.html"
    for name in (
        "../../globex/templates/secret.html",
        str(target),
        "secret.html",
        "x/../../../globex/templates/secret.html",
    ):
        for _ in range(2):
            with pytest.raises(TemplateDoesNotExist) as error:
                render(made, name, ACME)
            if debug:
                assert all("globex" not in o.name for o, _ in error.value.tried)
    assert render(made, "secret.html", GLOBEX) == "secret"


def test_what_was_tried_is_told(folder):
    with pytest.raises(TemplateDoesNotExist) as error:
        render(engine(folder, debug=True), "nothing.html", ACME)
    tried = [str(Path(origin.name).parent) for origin, _ in error.value.tried]
    assert tried == [f"{folder}/tenants/acme/templates", f"{folder}/all"]


def sandwiched(folder, cache):
    made = engine(folder, cache=cache)
    (folder / "all" / "say.html").write_text("")

    def write(value):
        """Write the file, and restart: files are for a release."""
        ref = get_tenant()
        home = folder / "all" if ref is None else folder / "tenants" / ref.key
        home = home if ref is None else home / "templates"
        (home / "say.html").write_text(value)
        made.template_loaders[0].reset()

    def read():
        return made.get_template("say.html").render(Context()) or None

    sandwich.check(write, read, ACME, GLOBEX)


@pytest.mark.service("Templates", "files, `CachedLoader`", by=BY_CACHE)
def test_the_cached_loader_keeps_them_apart(folder):
    sandwiched(folder, CACHED)


@pytest.mark.service("Templates", "files", by=BY_FOLDER)
def test_the_loader_of_files_keeps_them_apart(folder):
    sandwiched(folder, None)


def test_control_djangos_cached_loader_shows_one_tenants_to_another(folder):
    made = engine(folder, cache=f"{DJANGO}.cached.Loader")
    assert render(made, "part.html", ACME) == "acme's part"
    assert render(made, "part.html", GLOBEX) == "acme's part"
    with pytest.raises(sandwich.Leaked):
        sandwiched(folder, f"{DJANGO}.cached.Loader")


def test_what_no_tenant_overrides_is_compiled_once(folder):
    made = engine(folder)
    found = []
    for place in (None, ACME, GLOBEX):
        with override_tenant(place):
            found.append(made.get_template("home.html"))
    assert found[0] is found[1] is found[2]
    # Extended by acme's own of that name, it is still the one.
    render(made, "base.html", ACME)
    render(made, "base.html", GLOBEX)
    keys = made.template_loaders[0].common.get_template_cache
    assert [key for key in keys if key.startswith("base.html")] == ["base.html"]


def test_memory_is_bounded(folder, monkeypatch):
    monkeypatch.setattr(templates.cache._Recent, "most", 10)
    made = engine(folder)
    for number in range(50):
        with pytest.raises(TemplateDoesNotExist):
            render(made, f"no{number}.html", ACME)
    assert len(made.template_loaders[0].own.get_template_cache) == 10
    assert render(made, "part.html", ACME) == "acme's part"


def test_a_folder_that_is_everybodys_is_refused(folder):
    with pytest.raises(ImproperlyConfigured, match="the same for all tenants"):
        Engine(loaders=[(FILES, [folder / "tenants"])]).get_template("x")


def test_a_kind_may_have_a_folder(folder):
    (folder / "kinds" / "default").mkdir(parents=True)
    (folder / "kinds" / "default" / "k.html").write_text("of the kind")
    made = Engine(loaders=[(FILES, [folder / "kinds" / "{kind}"])])
    assert render(made, "k.html", ACME) == "of the kind"


def test_autoreload_watches_what_tenants_have(folder, settings):
    loaders = engine(folder).loaders
    settings.TEMPLATES = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {"loaders": loaders},
        }
    ]
    assert folder / "tenants" in autoreload.get_template_directories()


def test_async_views_get_their_own(folder):
    made = engine(folder)

    async def of(place):
        async with override_tenant(place):
            await asyncio.sleep(0)
            return made.get_template("part.html").render(Context())

    async def all_of_them():
        return await asyncio.gather(*(of(p) for p in [ACME, GLOBEX, None] * 5))

    assert set(asyncio.run(all_of_them())) == {"acme's part", "globex [base ]", "part"}


# --- rows


@pytest.fixture(scope="module", params=[ISOLATIONS[0], ISOLATIONS[2]])
def project(request, tmp_path_factory):
    """A project with the app `pages`, and tenants acme and globex."""
    from tests.settings import base

    folder = tmp_path_factory.mktemp("rows")
    with migrated(request.param, folder / "p") as made:
        tenantry = made.settings["TENANTRY"]
        apps = [*tenantry["TENANT_APPS"], "pages"]
        made.change(
            INSTALLED_APPS=[*base.INSTALLED_APPS, "tests.scopes.pages"],
            TENANTRY={**tenantry, "TENANT_APPS": apps},
        )
        made.manage("migrate", "-v0").ok()
        made.call(_provision)
        yield made


def _provision():
    from tests.world import provision

    provision(key="acme")
    provision(key="globex")


def _database(*, cache=CACHED, names=("*",)):
    loaders = [
        (f"{OURS}.DatabaseLoader", "pages.Page", list(names)),
        (f"{DJANGO}.locmem.Loader", {"say.html": "", "home.html": "home"}),
    ]
    return Engine(loaders=[(cache, loaders)] if cache else loaders)


def _rows(cache):
    from tests.customers.models import Tenant
    from tests.scopes.pages.models import Page

    made = _database(cache=cache)
    shared = {}

    def write(value):
        if get_tenant() is None:
            shared["value"] = value
        else:
            Page.objects.update_or_create(name="say.html", defaults={"content": value})

    def read():
        found = made.get_template("say.html").render(Context())
        # The shared site has none of its own, and everybody's is empty.
        return shared["value"] if get_tenant() is None and not found else found or None

    try:
        sandwich.check(write, read, *Tenant.objects.order_by("key"))
    except sandwich.Leaked as error:
        return str(error)
    return "kept"


@pytest.mark.service("Templates", "rows", by="each tenant's own table, or its rows")
@KINDS
def test_rows_are_the_tenants_own_and_seen_as_soon_as_saved(project, cache):
    assert project.call(_rows, cache) == "kept"


def test_control_djangos_cached_loader_shows_rows_of_another(project):
    assert "reads" in project.call(_rows, f"{DJANGO}.cached.Loader")


def _changes():
    """What becomes of a template that is changed past this process."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    from tenantry.conf import conf
    from tests.scopes.pages.models import Page

    made = _database(names=["mail/*", "say.html"])
    seen = []

    def show():
        seen.append(made.get_template("say.html").render(Context()))

    with override_tenant("globex"):
        Page.objects.all().delete()
        show()
    with override_tenant("acme"):
        page, _ = Page.objects.update_or_create(
            name="say.html", defaults={"content": "one"}
        )
        Page.objects.create(name="home.html", content="not among the names")
        show()
        with CaptureQueriesContext(connection) as queries:
            show()
        seen.append(len(queries))
        other = Page.objects.get(pk=page.pk)
        other.content = "two"
        Page.objects.bulk_update([other], ["content"])  # no signal, as elsewhere
        Page.objects.filter(pk=page.pk).update(changed_at="2100-01-01T00:00Z")
        show()
        conf.raw["CATALOG_REFRESH_SECONDS"] = 0
        made.template_loaders[0].own._stamps.clear()
        show()
        page.delete()
        show()
        seen.append(made.get_template("home.html").render(Context()))
    return seen


def test_a_change_of_another_process_is_seen_after_a_while(project):
    # As it was, until the cache looks again; what was deleted is everybody's again.
    assert project.call(_changes) == ["", "one", "one", 0, "one", "two", "", "home"]


def _mistakes():
    found = []
    for given in (
        ["pages.Nothing"],
        ["shop.Book"],
        ["customers.Tenant"],
        ["pages.Page", "mail/*"],
    ):
        loader = (f"{OURS}.DatabaseLoader", *given)
        try:
            with override_tenant("acme"):
                Engine(loaders=[loader]).get_template("x")
        except ImproperlyConfigured as error:
            found.append(str(error))
    return found


def test_a_model_that_cannot_hold_templates_is_refused(project):
    said = project.call(_mistakes)
    assert "is no model" in said[0]
    assert "no AbstractTemplate" in said[1]
    assert "no AbstractTemplate" in said[2]
    assert "takes a list of names: ['mail/*']" in said[3]


# --- the context processor


@pytest.mark.service(
    "Templates", "context processor `tenant`", by="the request's tenant, or the active"
)
def test_templates_have_their_tenant(project):
    assert project.call(_contexts) == ["acme", None, "globex", None]


def _contexts():
    from tests.customers.models import Tenant

    request = RequestFactory().get("/")
    seen = []
    for place in (Tenant.objects.get(key="acme"), None):
        request.tenant = place
        with override_tenant("globex"):
            found = templates.tenant(request)["tenant"]
            seen.append(found and found.key)
    for place in ("globex", None):
        with override_tenant(place):
            found = templates.tenant(RequestFactory().get("/"))["tenant"]
            seen.append(found and found.key)
    return seen
