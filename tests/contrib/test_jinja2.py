"""A tenant's own templates of Jinja2 are its own, also in the cache."""

import asyncio

import jinja2
import pytest
from django.core.exceptions import ImproperlyConfigured
from django.template import TemplateDoesNotExist
from django.template.backends.jinja2 import Jinja2

from tenantry import get_tenant, override_tenant
from tenantry.contrib.jinja2 import TenantEnvironment
from tests.scopes import sandwich
from tests.scopes.places import ACME, GLOBEX

FILES = {
    "all/base.html": "[{% block body %}base{% endblock %}]",
    "all/page.html": "{% extends 'base.html' %}{% block body %}"
    "{% include 'part.html' %}{% endblock %}",
    "all/part.html": "part",
    "acme/base.html": "{% extends 'base.html' %}{% block body %}"
    "acme {{ super() }}{% endblock %}",
    "globex/part.html": "globex's",
    "globex/secret.html": "secret",
}


@pytest.fixture
def folder(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def backend(folder, *, ours=True, **options):
    """Return Django's backend, as its settings make it."""
    path = "tenantry.contrib.jinja2.TenantEnvironment"
    more = {"environment": path, "tenant_dirs": [folder / "{key}"]} if ours else {}
    return Jinja2(
        {
            "NAME": "jinja2",
            "DIRS": [folder / "all"],
            "APP_DIRS": False,
            "OPTIONS": {**more, **options},
        }
    )


def render(made, name, place):
    with override_tenant(place):
        return made.get_template(name).render()


@pytest.mark.parametrize("auto_reload", [False, True])
def test_a_tenant_overrides_extends_and_includes(folder, auto_reload):
    made = backend(folder, auto_reload=auto_reload)
    for _ in range(2):
        assert render(made, "base.html", ACME) == "[acme base]"
        assert render(made, "page.html", ACME) == "[part]"
        assert render(made, "base.html", GLOBEX) == "[base]"
        assert render(made, "page.html", GLOBEX) == "[globex's]"
        assert render(made, "page.html", None) == "[part]"


def test_what_no_tenant_overrides_is_compiled_once(folder):
    made = backend(folder)
    found = set()
    for place in (None, ACME, GLOBEX):
        with override_tenant(place):
            found.add(made.env.get_template("page.html"))
    assert len(found) == 1


def test_another_tenants_is_not_found_by_any_name(folder):
    made = backend(folder)
    assert render(made, "secret.html", GLOBEX) == "secret"
    for name in (
        "secret.html",
        "../globex/secret.html",
        "tenantry:own:globex:secret.html",
        "tenantry:own:acme:../globex/secret.html",
        "tenantry:common:secret.html",
    ):
        with pytest.raises(TemplateDoesNotExist):
            render(made, name, ACME)


IMPORTED = {
    "all/color.html": "{% set color = 'grey' %}",
    "all/macros.html": "{% from 'color.html' import color %}"
    "{% macro button() %}{{ color }}{% endmacro %}",
    "all/buttons.html": "{% import 'macros.html' as all %}{{ all.button() }}",
    "acme/color.html": "{% set color = 'acme' %}",
    "globex/color.html": "{% set color = 'globex' %}",
}
PLACES = (ACME, None, GLOBEX, ACME, None)


@pytest.fixture
def imported(folder):
    for name, text in IMPORTED.items():
        (folder / name).write_text(text)
    return folder


def test_macros_import_what_is_the_tenants(imported):
    made = backend(imported)
    colors = [render(made, "buttons.html", place) for place in PLACES]
    assert colors == ["acme", "grey", "globex", "acme", "grey"]


def test_macros_import_what_is_the_tenants_in_async_code_too(imported):
    made = backend(imported, enable_async=True).env

    async def color(place):
        with override_tenant(place):
            return await made.get_template("buttons.html").render_async()

    async def at_once():
        return await asyncio.gather(*map(color, PLACES))

    assert asyncio.run(at_once()) == ["acme", "grey", "globex", "acme", "grey"]


def test_macros_have_the_globals_of_who_imports_them(imported):
    made = backend(imported).env
    (imported / "all/macros.html").write_text(
        "{% macro button() %}{{ word }}{% endmacro %}"
    )
    for place in PLACES:
        with override_tenant(place):
            page = made.from_string(IMPORTED["all/buttons.html"], {"word": "given"})
            assert page.render() == "given"


def test_control_jinja2_keeps_the_macros_of_the_first(imported, monkeypatch):
    monkeypatch.setattr(TenantEnvironment, "template_class", jinja2.Template)
    made = backend(imported)
    assert {render(made, "buttons.html", place) for place in PLACES} == {"acme"}


def sandwiched(folder, made, home):
    def write(value):
        (home() / "say.html").write_text(value)
        made.env.cache.clear()  # files are for a release

    def read():
        return made.get_template("say.html").render()

    sandwich.check(write, read, ACME, GLOBEX)


@pytest.mark.service(
    "Templates", "Jinja2", by="a tenant's own have names of their own in the cache"
)
def test_the_environment_keeps_them_apart(folder):
    def home():
        return folder / (str(get_tenant() or "all"))

    (folder / "all" / "say.html").write_text("")
    sandwiched(folder, backend(folder), home)


def test_control_jinja2s_own_environment_shows_one_tenants_to_another(folder):
    class Own(jinja2.FileSystemLoader):
        def get_source(self, environment, template):
            self.searchpath = [str(folder / str(get_tenant() or "all"))]
            return super().get_source(environment, template)

    made = backend(folder, ours=False, loader=Own([]), auto_reload=False)
    with pytest.raises(sandwich.Leaked):
        sandwiched(folder, made, lambda: folder / str(get_tenant() or "all"))


def test_a_folder_that_is_everybodys_is_refused():
    with pytest.raises(ImproperlyConfigured, match="tenant_dirs has '/x'"):
        TenantEnvironment(tenant_dirs=["/x"])
