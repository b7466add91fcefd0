"""The documentation's code runs, its commands parse, its links lead somewhere."""

import re
import shlex

import pytest

from tenantry.management.commands.tenants import Command
from tests.docs import pages, sites
from tests.docs.pages import DOCS, PAGES, ROOT, TUTORIAL

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
COMMAND = "python manage.py tenants "
NOT_RUN = 12
KEPT = "python settings kept"
OF_SETTINGS = ("python settings", KEPT)

SETTINGS = [block for block in pages.all_blocks() if block.info in OF_SETTINGS]
RUNNABLE = {
    page: code
    for page in PAGES
    if page != TUTORIAL
    and (
        code := [b for b in pages.blocks(page) if b.info == "python" and b.file is None]
    )
}


def relative(page):
    return str(page.relative_to(ROOT))


def test_each_block_says_what_it_is():
    unknown = [
        f"{block}: {block.info!r}"
        for block in pages.all_blocks()
        if block.info not in pages.INFOS
    ]
    assert not unknown


def test_each_python_block_compiles():
    for block in pages.all_blocks():
        if block.is_python:
            compile(block.text, str(block), "exec", dont_inherit=True)


def test_few_blocks_are_not_run():
    assert len([b for b in pages.all_blocks() if b.info == "python no-run"]) < NOT_RUN


@pytest.mark.parametrize("page", RUNNABLE, ids=relative)
def test_python_of_a_page_runs(page, site_copy):
    code = [(str(block), block.text) for block in RUNNABLE[page]]
    for block in pages.blocks(page):
        if block.info == KEPT:
            site_copy.write("mysite/settings.py", block.text)
    site_copy.python(
        "namespace = {'__name__': '__main__'}\n"
        f"for name, text in {code!r}:\n"
        "    exec(compile(text, name, 'exec', dont_inherit=True), namespace)\n"
    )


SERVED = """
if globals().get("LOGIN_URL") == "tenantry_login":
    ROOT_URLCONF = "trial_urls"
"""
URLS = """
from django.urls import include, path
from mysite.urls import urlpatterns

urlpatterns = [*urlpatterns, path("people/", include("tenantry.users.urls"))]
"""


@pytest.mark.parametrize("block", SETTINGS, ids=str)
def test_settings_of_a_page_are_without_fault(block, readme_site, tmp_path):
    site = readme_site[0]
    settings = (site.folder / "mysite" / "settings.py").read_text()
    (tmp_path / "trial.py").write_text(f"{settings}\n{block.text}\n{SERVED}")
    (tmp_path / "trial_urls.py").write_text(URLS)
    site.sh(
        "python manage.py check --fail-level WARNING",
        DJANGO_SETTINGS_MODULE="trial",
        PYTHONPATH=str(tmp_path),
    )


def test_each_tenants_command_has_a_verb_and_options_that_exist():
    parser = Command().create_parser("manage.py", "tenants")
    lines = [
        (block, line)
        for block in pages.all_blocks()
        if block.info in {"console", "text"}
        for line in block.text.splitlines()
        if line.startswith(COMMAND)
    ]
    assert lines
    for _, line in lines:
        parser.parse_args(shlex.split(line.removeprefix(COMMAND)))


def test_each_link_leads_somewhere():
    broken = []
    for page in PAGES:
        for target in LINK.findall(pages.prose(page)):
            if target.startswith(("http://", "https://")):
                continue
            path, _, anchor = target.partition("#")
            there = (page.parent / path).resolve() if path else page
            if not there.is_file():
                broken.append(f"{relative(page)}: {target}: no such file")
            elif anchor and anchor not in pages.anchors(there):
                broken.append(f"{relative(page)}: {target}: no such anchor")
    assert not broken


def test_each_page_is_linked_from_the_index():
    index = DOCS / "index.md"
    linked = {
        (DOCS / target.partition("#")[0]).resolve()
        for target in LINK.findall(pages.prose(index))
    }
    assert set(DOCS.rglob("*.md")) - linked == {index}


def test_tutorial_leads_to_two_tenants(tmp_path):
    site = sites.Site(tmp_path)
    for block in pages.blocks(TUTORIAL):
        if block.file is not None:
            site.write(block.file[0], block.text)
        elif block.info == "console":
            lines = block.text.splitlines()
            skip = ("python -m venv", "source ", "pip install ")
            said = site.sh("\n".join(x for x in lines if not x.startswith(skip)))
    assert "guests.Entry belongs to tenants, and no tenant is active" in said.stdout
    assert "belongs to 'acme', and 'globex' is active" in said.stdout

    asked = site.python(
        "from django.test import Client\n"
        "for host in ('acme.localhost', 'globex.localhost', 'localhost'):\n"
        "    response = Client().get('/', headers={'host': host + ':8000'})\n"
        "    print(response.content.decode())\n"
    )
    acme, globex, shared = asked.splitlines()
    assert acme == "Acme has: Hello from Acme"
    assert globex == "Globex has: nothing"
    assert 'href="http://acme.localhost:8000/"' in shared
