"""The tests on the page about tests are run, by Django's runner and by pytest."""

from tests.docs import pages
from tests.docs.pages import DOCS

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
