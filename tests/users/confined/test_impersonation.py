"""With no shared users there is nobody to act as another."""

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tenantry import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.users import impersonation
from tests.users.desk import host_of
from tests.world import ONE, two_tenants


@pytest.fixture
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


def test_a_tenants_user_cannot_act_as_another(tenants):
    with override_tenant(tenants[0]):
        boss = User.objects.create_superuser("boss", pk=ONE)
    with override_tenant(None), pytest.raises(NotSupported, match="shared users"):
        impersonation.start(boss, tenants[0], ONE, reason="a call")


def test_pages_are_served_to_who_is_logged_in_as_ever(tenants):
    client = Client()
    with override_tenant(tenants[0]):
        client.force_login(User.objects.create_user("ann"))
    answer = client.get("/whoami/", headers={"host": host_of(tenants[0])})
    assert answer.content == b"ann"
    assert answer.wsgi_request.impersonator is None
