"""The conformance suite runs with the settings of any isolation: `--ds=...`."""

import pytest
from django.conf import settings

from tests.world import World, two_tenants

ISOLATION = settings.TENANTRY["PLACEMENTS"]["default"]["BACKEND"].rpartition(".")[2]
ROWS = ISOLATION == "RowIsolation"
SHARES_CONNECTION = ROWS or ISOLATION == "SchemaIsolation"
OPTIONS = settings.DATABASES["default"].get("OPTIONS", {})

# Of facts that need tables of the tenant's own; test_rows.py has what is true instead.
own_tables = pytest.mark.skipif(ROWS, reason="tenants share their tables: test_rows.py")

collect_ignore = []
if SHARES_CONNECTION:
    collect_ignore += ["test_open_databases.py"]
else:
    collect_ignore += ["test_definitions.py", "test_statements.py", "test_pipelines.py"]
    collect_ignore += ["test_shown.py"]
if not ROWS:
    collect_ignore += ["test_rows.py", "test_row_attacks.py"]
if "pool" not in OPTIONS:
    collect_ignore += ["test_pool.py"]
if "server_side_binding" not in OPTIONS:
    collect_ignore += ["test_binding.py"]


@pytest.fixture(scope="session", autouse=True)
def _database(database):
    """Every test of the suite has the database."""


@pytest.fixture(scope="session")
def _pair(_database):
    with two_tenants() as tenants:
        yield tenants


@pytest.fixture
def world(_pair):
    """Two tenants that the tests share, their rows as new, primary keys colliding."""
    return World(*_pair)


@pytest.fixture
def tenants():
    """Two tenants of this test alone."""
    with two_tenants() as made:
        yield made


@pytest.fixture(autouse=True)
def _nothing_left_active():
    """Each test ends as it began: with no tenant active."""
    from tenantry import get_tenant

    assert get_tenant() is None
    yield
    assert get_tenant() is None
