"""Where users are in both places, who signs up is a tenant's own."""

import pytest
from django.contrib.auth import get_user_model

from tenantry import override_tenant
from tenantry.users import waiting
from tenantry.users.models import Membership
from tenantry.users.people import people_of
from tests.customers.models import Tenant
from tests.users.signing_up import (
    SHARED,
    UNTIL_DONE,
    form,
    sign_up,
    signing_up_makes,
    visitor,
)
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "access")


@pytest.fixture
def access(django_db_blocker, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", UNTIL_DONE)
    with django_db_blocker.unblock():
        yield
        drop(*Tenant.objects.all())


def names_in(place):
    with override_tenant(place):
        return [user.username for user in get_user_model().objects.all()]


def test_the_owner_of_a_new_tenant_is_no_shared_user(settings):
    signing_up_makes(settings, "tenant")
    key, shared = new_key(), names_in(None)
    assert sign_up(visitor(), "ann", key=key).status_code == 302
    (ann,) = people_of(Tenant.objects.get(key=key)).all()
    assert (ann.user.username, ann.is_owner) == ("ann", True)
    assert names_in(None) == shared
    assert not Membership.objects.filter(tenant__key=key).exists()


def test_nobody_makes_themselves_a_shared_user(settings):
    signing_up_makes(settings, "account")
    tenant, shared = provision(), names_in(None)
    assert sign_up(visitor(), "ann").status_code == 404
    client = visitor(f"{tenant.slug}.{SHARED}")
    assert client.post("/people/signup/", form("ann")).status_code == 302
    assert (names_in(tenant), names_in(None)) == (["ann"], shared)
