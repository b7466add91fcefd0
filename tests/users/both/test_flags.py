"""Where tenants have users of their own, these are what their rows say."""

import pytest
from django.contrib.auth import authenticate, backends
from django.contrib.auth.models import Permission, User

from tenantry import override_tenant
from tenantry.users import lookup
from tenantry.users.models import Membership
from tests.world import two_tenants


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    """Two tenants, each with a user of the same key as a shared one."""
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made
        with override_tenant(None):
            User.objects.all().delete()


@pytest.fixture(autouse=True)
def db(tenants, django_db_blocker):
    with django_db_blocker.unblock():
        yield


MODEL = "django.contrib.auth.backends.ModelBackend"


def flags(user):
    return user.is_active, user.is_staff, user.is_superuser


def test_a_tenants_own_user_is_what_the_row_says_and_saved_as_it_is_set(tenants):
    for place in (None, *tenants):
        with override_tenant(place):
            User.objects.create_user("same", password="pw", pk=700)
    a, b = tenants
    shared = User.objects.get(pk=700)
    Membership.objects.create(tenant_id=a.pk, user=shared, roles=["admin"])
    with override_tenant(a):
        own = User.objects.get(pk=700)
        assert flags(own) == (True, False, False)
        own.is_staff = own.is_superuser = True
        own.full_clean()
        own.save()
        assert flags(User.objects.get(pk=700)) == (True, True, True)
        User.objects.filter(pk=700).update(is_superuser=False)
        own.refresh_from_db()
        assert flags(own) == (True, True, False)
        own.user_permissions.add(Permission.objects.get(codename="view_book"))
        assert own.has_perm("shop.view_book")
        assert own in User.objects.with_perm("shop.view_book", backend=MODEL)
        assert authenticate(username="same", password="pw") == own
        assert backends.ModelBackend().get_user(700) == own
        assert lookup.standing(own) is None
        root = User.objects.create_superuser("root")
        assert flags(root) == (True, True, True)
    with override_tenant(b):
        own = User.objects.get(pk=700)
        assert flags(own) == (True, False, False)
        assert not own.has_perm("shop.view_book")
    assert flags(User.objects.get(pk=700)) == (True, False, False)


def test_a_shared_object_that_is_carried_into_a_tenant_is_what_its_row_says(tenants):
    shared = User(pk=900, is_superuser=True)
    with override_tenant(tenants[0]):
        assert flags(shared) == (True, False, True)
        assert lookup.tenant_of(shared) is None


def test_no_membership_is_asked_for(tenants, monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr(lookup, "_query", never)
    for place in (None, *tenants):
        with override_tenant(place):
            assert authenticate(username="nobody", password="pw") is None
            assert backends.ModelBackend().get_user(12345) is None
