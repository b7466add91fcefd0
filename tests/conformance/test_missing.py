"""What is not there is an error, never another's rows."""

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.db.utils import DatabaseError

from tenantry import override_tenant
from tenantry.exceptions import LocationMissing, TenantNotFound
from tenantry.isolation import isolations
from tests.conformance.conftest import SHARES_CONNECTION, own_tables
from tests.geo.models import Country
from tests.shop.models import Author
from tests.world import drop, fill, provision


@own_tables
def test_a_tenant_whose_location_is_gone_is_an_error(tenants):
    a, b = tenants
    User.objects.create_user("shared")
    fill(b, "b")
    with override_tenant(a):
        assert Author.objects.count() == 0
    if not SHARES_CONNECTION:
        connections.forget(a.ref)
    isolations["default"].destroy(a.ref)
    expected = DatabaseError if SHARES_CONNECTION else LocationMissing
    with override_tenant(a):
        for attempt in (
            Author.objects.count,
            User.objects.count,
            lambda: Author.objects.create(name="x"),
            lambda: connections["default"].cursor().execute("SELECT * FROM auth_user"),
        ):
            with pytest.raises(expected):
                attempt()
    with override_tenant(b):
        assert Author.objects.count() == 2
    assert User.objects.filter(username="shared").exists()
    User.objects.all().delete()
    assert Country.objects.count() >= 0


def test_control_the_location_is_what_is_read(tenants):
    a, b = tenants
    fill(b, "b")
    moved = isolations["default"].ref(key=a.key, location=b.location)
    if not SHARES_CONNECTION:
        connections.forget(a.ref)
    with override_tenant(moved):
        assert Author.objects.count() == 2
    if not SHARES_CONNECTION:
        connections.forget(moved)


@own_tables
def test_a_missing_database_is_not_made_by_looking(tenants):
    a, _ = tenants
    isolation = isolations["default"]
    if not SHARES_CONNECTION:
        connections.forget(a.ref)
    isolation.destroy(a.ref)
    with override_tenant(a), pytest.raises((DatabaseError, LocationMissing)):
        Author.objects.count()
    assert not isolation.exists(a.ref)


@own_tables
def test_a_dropped_tenant_is_not_found(world):
    tenant = provision()
    ref = tenant.ref
    with override_tenant(ref):
        assert Author.objects.count() == 0
    drop(tenant)
    assert not isolations["default"].exists(ref)
    with pytest.raises(TenantNotFound), override_tenant(ref.key):
        pass
    with override_tenant(ref), pytest.raises((DatabaseError, LocationMissing)):
        Author.objects.count()
