"""The audit where only tenants have users."""

import pytest
from django.contrib.auth import get_user_model
from django.test import RequestFactory
from django.utils.functional import SimpleLazyObject

from tenantry import override_tenant
from tenantry.catalog.audit import answering, record
from tenantry.exceptions import NoActiveTenant
from tests.world import ONE, two_tenants

User = get_user_model()


def test_users_of_one_primary_key_are_told_apart(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as tenants:
        found = []
        for tenant in tenants:
            with override_tenant(tenant):
                user = User.objects.create_user("same", pk=ONE)
                found.append(record("thing.done", actor=user))
        assert {(entry.actor, entry.actor_pk) for entry in found} == {
            ("same", str(ONE))
        }
        assert [entry.actor_place for entry in found] == [t.key for t in tenants]


def test_on_a_shared_site_without_users_nobody_asks(database, django_db_blocker):
    request = RequestFactory().get("/")
    request.user = SimpleLazyObject(lambda: User.objects.get(pk=ONE))
    request.tenant = None
    with django_db_blocker.unblock():
        with override_tenant(None), pytest.raises(NoActiveTenant):
            bool(request.user)
        with override_tenant(None), answering(request):
            assert record("thing.done").actor == ""
