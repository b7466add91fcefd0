"""django-debug-toolbar, the real one, counts the tenant's queries."""

import copy

import pytest

from tests.settings import base
from tests.testing.conftest import EVERY

USERS = "tests.testing.users.toolbar"

pytestmark = pytest.mark.service(
    "Tests of your project",
    "django-debug-toolbar",
    by="`connections.all()` holds the active tenant's connection",
)


@pytest.mark.parametrize("project", EVERY[:2], indirect=True)
def test_the_toolbar_counts_the_tenants_queries(project):
    before = copy.deepcopy(project.settings)
    tenantry = copy.deepcopy(before["TENANTRY"])
    tenantry["SHARED_APPS"] = [*tenantry["SHARED_APPS"], "debug_toolbar"]
    first, *others = base.MIDDLEWARE
    project.change(
        TENANTRY=tenantry,
        INSTALLED_APPS=[
            *base.INSTALLED_APPS,
            "debug_toolbar",
            "django.contrib.staticfiles",
        ],
        MIDDLEWARE=[first, "debug_toolbar.middleware.DebugToolbarMiddleware", *others],
        ROOT_URLCONF=USERS,
        DEBUG_TOOLBAR_CONFIG={
            "SHOW_TOOLBAR_CALLBACK": f"{USERS}.always",
            "IS_RUNNING_TESTS": False,
        },
    )
    try:
        done = project.manage("test", USERS, "--no-input").ok()
        assert "OK" in done.err
    finally:
        project.close_server()
        project.settings = before
