"""Where the arrangement is right, the checks say nothing."""

from django.conf import settings
from django.test import override_settings

from tenantry import checks


def found():
    return [m.id for m in (*checks.check_settings(), *checks.check_models())]


def test_members_of_tenants_are_without_fault():
    assert found() == []


def test_of_the_tables_of_members_no_check_warns_where_tenants_have_users_too():
    lists = {"SHARED_APPS": ["auth", "contenttypes", "sessions", "customers", "geo"]}
    lists["TENANT_APPS"] = ["auth", "contenttypes", "sessions", "admin", "shop"]
    with override_settings(TENANTRY={**settings.TENANTRY, **lists}):
        assert "tenantry.W033" not in found()
