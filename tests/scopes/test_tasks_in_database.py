"""A queue that is a table of the shared database, and its worker: django-tasks-db."""

import pytest

from tests.projects import SQLITE, Project
from tests.scopes import queued
from tests.settings import base

APP = "django_tasks_db"
ISOLATIONS = [SQLITE, pytest.param("schema", marks=pytest.mark.postgres)]


@pytest.fixture(params=ISOLATIONS)
def project(request, tmp_path):
    made = Project(
        request.param,
        tmp_path / "p",
        INSTALLED_APPS=[*base.INSTALLED_APPS, APP],
        TASKS={"default": {"BACKEND": f"{APP}.DatabaseBackend"}},
    )
    made.settings["TENANTRY"]["SHARED_APPS"].append("django_tasks_database")
    made.warnings = "ignore"
    try:
        made.manage("migrate", "-v0").ok()
        yield made
    finally:
        made.close()


@pytest.mark.service(
    "Background tasks",
    "django-tasks-db",
    by="the tenant's key, among the arguments that the queue stores",
)
def test_its_worker_runs_each_task_in_its_tenant(project):
    ids = project.call(queued.prepare)
    options = ["--batch", "--interval=0", "--no-startup-delay", "--no-reload", "-v0"]
    project.manage("db_worker", *options).ok()
    results, rows = project.call(queued.look, ids)
    assert results == {
        "a 0": "a",
        "None 1": None,
        "b 2": "b",
        "gone 3": ["tenantry.exceptions.TenantNotFound"],
        "a 4": "a",
        "None 5": None,
    }
    assert rows == {"a": ["for a", "for a"], "b": ["for b"]}
