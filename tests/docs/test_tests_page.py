"""The tests on the page about tests are run, by Django's runner and by pytest."""

from tenantry import testing
from tenantry.testing import plugin
from tests.docs import pages
from tests.docs.pages import DOCS

REFERENCE = DOCS / "reference" / "testing.md"
PAGE = DOCS / "how-to" / "tests-of-your-project.md"
PLUGINS = "-p pytest_django.plugin -p tenantry.testing.plugin"


def test_the_pages_tests_pass(site_copy):
    for block in pages.blocks(PAGE):
        if block.file is not None:
            site_copy.write(block.file[0], block.text)
    said = site_copy.manage("test").stderr
    assert "Ran 4 tests" in said
    pytest = f"python -m pytest {PLUGINS} -c /dev/null --rootdir=. shop"
    said = site_copy.sh(
        f"{pytest} --ds=mysite.settings", PYTEST_DISABLE_PLUGIN_AUTOLOAD="1"
    ).stdout
    assert "3 passed" in said


def names_of(section):
    return [
        name
        for cells in pages.rows(pages.section(REFERENCE, section))
        for name in pages.names(cells[0])
    ]


def test_every_public_name_and_fixture_is_in_the_reference():
    assert set(testing.__all__) <= set(names_of("Testing"))
    fixtures = {name for name, it in vars(plugin).items() if is_fixture(name, it)}
    assert set(names_of("Fixtures of the pytest plugin")) == fixtures


def is_fixture(name, it):
    return type(it).__name__ == "FixtureFunctionDefinition" and name[0] != "_"
