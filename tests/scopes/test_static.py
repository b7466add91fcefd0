"""Static files: one collection for all, and in it what a tenant has of its own."""

import subprocess
import sys

import pytest
from whitenoise.storage import CompressedManifestStaticFilesStorage

from tenantry.scopes.static import TenantStaticMixin
from tests.lifecycle import acts
from tests.projects import SQLITE, Project
from tests.settings import base

STATIC = "django.contrib.staticfiles.storage."
OURS = "tenantry.scopes.static."
WHITENOISE = "whitenoise.middleware.WhiteNoiseMiddleware"
OWN = "the tenant's own name in the URL"
SAME = "shared by all, as they are meant to be"


class OwnCompressed(TenantStaticMixin, CompressedManifestStaticFilesStorage):
    """What a project with WhiteNoise writes."""


COMPRESSED = "whitenoise.storage.CompressedManifestStaticFilesStorage"
OWN_COMPRESSED = f"{__name__}.OwnCompressed"


def kind(storage, variant, by):
    mark = pytest.mark.service("Static files", variant, by=by)
    return pytest.param(storage, marks=mark, id=storage.rpartition(".")[2])


PLAIN = [
    kind(STATIC + "StaticFilesStorage", "`StaticFilesStorage`", SAME),
    kind(STATIC + "ManifestStaticFilesStorage", "`ManifestStaticFilesStorage`", SAME),
    kind(COMPRESSED, "WhiteNoise", SAME),
]
BY_TENANT = [
    kind(OURS + "TenantStaticFilesStorage", "`TenantStaticFilesStorage`", OWN),
    kind(
        OURS + "TenantManifestStaticFilesStorage",
        "`TenantManifestStaticFilesStorage`",
        OWN,
    ),
    kind(OWN_COMPRESSED, "WhiteNoise with `TenantStaticMixin`", OWN),
]
FILES = {
    "assets/css/look.css": "body { background: url('../logo.txt'); } /* all */",
    "assets/logo.txt": "all",
    "assets/only.txt": "only one",
    "tenants/acme/static/css/look.css": "b { content: url('../logo.txt'); } /* acme */",
    "tenants/acme/static/logo.txt": "acme",
    "tenants/ac/static/logo.txt": "ac",
    "tenants/README": "not a tenant's",
    "tenants/acme/secret.txt": "beside the static files",
    "tenants/Other/static/logo.txt": "no key",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("static") / "p"
    project = Project(SQLITE, folder)
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    project.change(
        INSTALLED_APPS=[*base.INSTALLED_APPS, "django.contrib.staticfiles"],
        MIDDLEWARE=[WHITENOISE, *base.MIDDLEWARE],
        STATIC_ROOT=str(folder / "collected"),
        STATICFILES_DIRS=[str(folder / "assets")],
        STATICFILES_FINDERS=[
            "django.contrib.staticfiles.finders.FileSystemFinder",
            OURS + "TenantFinder",
        ],
        TENANTRY={**project.tenantry(), "STATIC_DIR": str(folder / "tenants")},
    )
    # The databases of the tenants are in a folder of that name already.
    project.settings["TENANTRY"]["PLACEMENTS"]["default"]["OPTIONS"] = {
        "DIRECTORY": str(folder / "databases")
    }
    project.manage("migrate", "-v0").ok()
    for key in ("ac", "acme", "globex"):
        project.call(acts.provision, key)
    yield project
    project.close()


def collected(project, storage):
    project.change(STORAGES={"staticfiles": {"BACKEND": storage}, **DEFAULT})
    project.manage("collectstatic", "--no-input", "--clear", "-v0").ok()
    return project


DEFAULT = {"default": {"BACKEND": "django.core.files.storage.InMemoryStorage"}}


def seen(names):
    """Return what each gets by `{% static %}`: as its URL says, asked at its host."""
    from django.template import Context, Template
    from django.test import Client

    from tenantry import override_tenant

    found = {}
    for key in (None, "acme", "ac", "globex", None, "acme"):
        host = "example.com" if key is None else f"{key}.example.com"
        for name in names:
            with override_tenant(key):
                template = Template("{% load static %}{% static name %}")
                url = template.render(Context({"name": name}))
            response = Client().get(url, headers={"host": host})
            content = b"".join(response).decode()
            response.close()
            found.setdefault(f"{key} {name}", []).append([url, content])
    for answers in found.values():
        assert all(each == answers[0] for each in answers)
    return {name: answers[0] for name, answers in found.items()}


@pytest.mark.parametrize("storage", PLAIN)
def test_one_collection_serves_all(project, storage):
    """And, the control of what follows, without the mixin nobody has their own."""
    answers = collected(project, storage).call(seen, ["logo.txt", "css/look.css"])
    for key in ("None", "acme", "ac", "globex"):
        assert answers[f"{key} logo.txt"] == answers["None logo.txt"]
        assert answers[f"{key} logo.txt"][1] == "all"
        assert "/* all */" in answers[f"{key} css/look.css"][1]


@pytest.mark.parametrize("storage", BY_TENANT)
def test_a_tenant_is_given_its_own_where_it_has_one(project, storage):
    names = ["logo.txt", "css/look.css", "only.txt"]
    answers = collected(project, storage).call(seen, names)
    for key in ("None", "globex"):
        assert answers[f"{key} logo.txt"][1] == "all"
        assert "/* all */" in answers[f"{key} css/look.css"][1]
    assert answers["acme logo.txt"][1] == "acme"
    assert answers["acme logo.txt"][0].startswith("/static/tenants/acme/logo.")
    assert answers["ac logo.txt"][1] == "ac"
    assert "/* acme */" in answers["acme css/look.css"][1]
    assert "/* all */" in answers["ac css/look.css"][1]
    for key in ("None", "acme", "ac", "globex"):
        assert answers[f"{key} only.txt"][1] == "only one"
    hashed = "Manifest" in storage or "Compressed" in storage
    assert (answers["acme logo.txt"][0] != "/static/tenants/acme/logo.txt") == hashed
    if hashed:
        # What is of its own refers to what is of its own.
        name = answers["acme logo.txt"][0].rpartition("/")[2]
        assert f"../{name}" in answers["acme css/look.css"][1]


def test_only_what_is_in_the_static_folders_of_keys_is_collected(project):
    collected(project, OURS + "TenantStaticFilesStorage")
    folder = project.folder / "collected"
    found = sorted(str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file())
    assert found == [
        "css/look.css",
        "logo.txt",
        "only.txt",
        "tenants/ac/logo.txt",
        "tenants/acme/css/look.css",
        "tenants/acme/logo.txt",
    ]


def found_by_finders(names):
    from django.contrib.staticfiles import finders

    return {
        name: [finders.find(name), finders.find(name, find_all=True)] for name in names
    }


def test_finders_find_the_tenants_own_and_nothing_beside_it(project):
    out = [
        "tenants/acme/../../secret.txt",
        "tenants/acme/../secret.txt",
        "tenants/acme//etc/passwd",
        "tenants/../README",
        "tenants/Other/logo.txt",
        "tenants/acme",
        "tenants/globex/logo.txt",
        "tenants",
    ]
    own = "tenants/acme/logo.txt"
    found = project.call(found_by_finders, [own, *out])
    path = str(project.folder / "tenants/acme/static/logo.txt")
    assert found.pop(own) == [path, [path]]
    assert set(map(str, found.values())) == {"[None, []]"}


def urls_without_collection():
    from django.contrib.staticfiles.storage import staticfiles_storage

    from tenantry import override_tenant

    with override_tenant("acme"):
        names = ["logo.txt", "logo.txt?v=1#x", "only.txt"]
        return [staticfiles_storage.url(name) for name in names]


@pytest.mark.parametrize("storage", BY_TENANT[:2])
def test_in_development_nothing_need_be_collected(project, storage):
    project.change(
        DEBUG=True, STORAGES={"staticfiles": {"BACKEND": storage}, **DEFAULT}
    )
    try:
        urls = project.call(urls_without_collection)
        assert urls[0] == "/static/tenants/acme/logo.txt"
        assert urls[1].startswith("/static/tenants/acme/logo.txt")  # and the query
        assert urls[2] == "/static/only.txt"
    finally:
        project.change(DEBUG=False)


def test_without_a_place_for_the_collection_all_are_shared(project):
    root = project.settings["STATIC_ROOT"]
    storage = OURS + "TenantStaticFilesStorage"
    stored = {"staticfiles": {"BACKEND": storage}, **DEFAULT}
    project.change(STATIC_ROOT=None, STORAGES=stored)
    try:
        assert project.call(urls_without_collection)[0] == "/static/logo.txt"
    finally:
        project.change(STATIC_ROOT=root)


def test_importing_it_needs_no_settings():
    code = "import tenantry.scopes.storage, tenantry.scopes.static"
    done = subprocess.run([sys.executable, "-c", code], check=False)
    assert done.returncode == 0
