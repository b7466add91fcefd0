"""Tests of a user's project as functions, by the fixtures of the pytest plugin."""

import os

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from tenantry import get_tenant, override_tenant
from tests.customers.models import Tenant
from tests.geo.models import Country
from tests.shop.models import Author


def names(tenant):
    with override_tenant(tenant):
        return list(Author.objects.values_list("name", flat=True))


def leave_rows(tenant, other_tenant):
    assert names(tenant) == names(other_tenant) == []
    with override_tenant(None):
        assert not Country.objects.exists()
        Country.objects.create(name="left")
    for each in (tenant, other_tenant):
        with override_tenant(each):
            Author.objects.create(name=f"left in {each.key}")


@pytest.mark.parametrize("number", range(3))
def test_rolls_back(tenant, other_tenant, number):
    assert get_tenant() == tenant.ref
    leave_rows(tenant, other_tenant)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("number", range(2))
def test_commits(tenant, other_tenant, number):
    assert not connection.in_atomic_block
    leave_rows(tenant, other_tenant)
    Tenant.objects.provision(key="brief", domains=["brief.example.org"])


class TestOfAKind:
    @pytest.mark.tenant(fields={"name": "{}, Inc.".format})
    def test_fields_are_given(self, tenant):
        assert tenant.name == f"{tenant.key}, Inc."

    @pytest.mark.tenant(count=3)
    def test_there_may_be_three(self, tenants):
        assert [each.key for each in tenants] == ["test1", "test2", "test3"]

    @pytest.mark.tenant(count=1)
    def test_where_there_is_one_there_is_no_other(self, request):
        with pytest.raises(LookupError, match="one tenant only"):
            request.getfixturevalue("other_tenant")


def test_clients_log_in_to_the_tenant(tenant_client, tenant):
    tenant_client.force_login(User.objects.create_superuser("ann"))
    assert b"ann" in tenant_client.get("/admin/auth/user/").content


def test_queries_are_counted(tenant, tenant_client, django_assert_num_queries):
    with django_assert_num_queries(1):
        names(tenant)
    with django_assert_num_queries(1):
        tenant_client.get("/")


def test_two_tenants_in_a_block_are_told(tenant, other_tenant, assert_single_tenant):
    def fails(*only):
        with pytest.raises(AssertionError) as told, assert_single_tenant(*only):  # noqa: PT012
            names(tenant)
            names(other_tenant)
        return str(told.value)

    with assert_single_tenant(), override_tenant(None):
        Country.objects.exists()
        names(tenant)
    assert "test1: " in fails()
    assert "test2: " in fails()
    assert "not of 'test2' alone" in fails(other_tenant)


def test_requests_know_their_tenant(tenant, tenant_rf):
    assert tenant_rf.get("/").tenant == tenant


def test_savepoints_are_the_tenants(tenant):
    with transaction.atomic():
        Author.objects.create(name="saved")
        transaction.set_rollback(True)
    assert names(tenant) == []


@pytest.mark.parametrize("number", range(4))
def test_each_worker_has_a_place_of_its_own(tenant, number):
    """Write where the tenant is, for the test that runs this one."""
    place = connections["default"].settings_dict["NAME"]
    with override_tenant(None):
        shared = connections["default"].settings_dict["NAME"]
    with open(os.environ["TENANTRY_TEST_PLACES"], "a") as places:  # noqa: PTH123
        places.write(f"{shared} {place}\n")


def test_no_tenant_is_active_without_the_fixture():
    assert get_tenant() is None
