"""The package django-tasks, on any Django; more is in tests/scopes/test_tasks.py."""

from unittest import mock

import django_tasks
import pytest
from django.apps import AppConfig
from django.conf import settings
from django.test import override_settings
from django_tasks.exceptions import TaskResultDoesNotExist

from tenantry import get_tenant, override_tenant
from tenantry.scopes.tasks import CARRIED
from tests.world import two_tenants

pytestmark = pytest.mark.service(
    "django-tasks",
    "immediate, dummy",
    by="the tenant's key, among the arguments that the queue stores",
)
ENTRY = "tenantry.contrib.django_tasks.TenantTasksConfig"
BACKEND = "django_tasks.backends.{}Backend"


@django_tasks.task
def look():
    """Say which tenant is active."""
    tenant = get_tenant()
    return tenant and tenant.key


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    AppConfig.create(ENTRY).ready()
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


def test_its_tasks_run_in_the_tenant_they_were_enqueued_in(tenants):
    a, b = tenants
    dummy = {"default": {"BACKEND": BACKEND.format("dummy.Dummy")}}
    with override_settings(TASKS=dummy):
        with override_tenant(a):
            result = look.enqueue()
        look.enqueue()
        of_a, of_none = django_tasks.default_task_backend.results
        with override_tenant(b):
            assert look.call(**of_a.kwargs) == a.key
            assert look.call(**of_none.kwargs) is None
            with pytest.raises(TaskResultDoesNotExist):
                look.get_result(result.id)
    immediate = {"default": {"BACKEND": BACKEND.format("immediate.Immediate")}}
    with override_settings(TASKS=immediate), override_tenant(b):
        assert look.enqueue().return_value == b.key


def test_its_tasks_are_left_alone_where_the_scope_is_not_chosen():
    chosen = {**settings.TENANTRY, "SCOPES": ["signing"]}
    with (
        mock.patch("tenantry.seams.tasks.substitute") as substitute,
        override_settings(TENANTRY=chosen),
    ):
        AppConfig.create(ENTRY).ready()
    substitute.assert_not_called()


def test_without_it_its_tasks_carry_nothing(tenants):
    a, _ = tenants
    handler = type(django_tasks.task_backends)
    original = handler.create_connection._tenantry_original
    dummy = {"default": {"BACKEND": BACKEND.format("dummy.Dummy")}}
    with (
        mock.patch.object(handler, "create_connection", original),
        override_settings(TASKS=dummy),
        override_tenant(a),
    ):
        assert CARRIED not in look.enqueue().kwargs
