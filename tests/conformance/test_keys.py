"""Keys: SQL's own words, the longest there may be, and hostile ones."""

import pytest
from django.core.exceptions import ValidationError
from django.db import connections

from tenantry import override_tenant
from tenantry.exceptions import InvalidIdentifier, TenantryError
from tenantry.isolation import isolations
from tenantry.models import LifecycleRecord, UsedKey
from tests.customers.models import Tenant
from tests.shop.models import Author
from tests.world import drop, new_key, provision

# Each test's keys end with its run's number, but for SQL's words, which are whole.
WORDS = ["select", "table", "user", "null", "order", "default"]
HOSTILE = [
    "",
    "A",
    "Acme",
    "1a",
    "-a",
    "_a",
    "a.b",
    "a b",
    "a/b",
    "../a",
    "a\\b",
    'a"; DROP SCHEMA public CASCADE; --',
    "a'b",
    "a`b",
    "a\0b",
    "a\n",
    "a%sb",
    "a{key}",
    "ä",
    "\N{CYRILLIC SMALL LETTER A}cme",
    "a:b",
    "tenant:a",
    "a,public",
    "*",
    "x" * 41,
    "x" * 200,
]


def test_a_key_that_is_a_word_of_sql_is_a_tenant(world):
    made = []
    try:
        for word in WORDS[: 3 if connections["default"].vendor != "sqlite" else None]:
            UsedKey.objects.filter(key=word).delete()
            made.append(provision(key=word))
        for tenant in made:
            with override_tenant(tenant):
                Author.objects.create(name=tenant.key)
        for tenant in made:
            with override_tenant(tenant):
                assert [a.name for a in Author.objects.all()] == [tenant.key]
    finally:
        drop(*made)


def test_two_keys_of_forty_bytes_are_two_tenants(world):
    start = new_key()
    keys = [start + "x" * (39 - len(start)) + end for end in "yz"]
    made = []
    try:
        made = [provision(key=key, domains=[]) for key in keys]
        for tenant in made:
            assert len(tenant.key.encode()) == 40
            with override_tenant(tenant):
                Author.objects.create(name=tenant.key)
        for tenant in made:
            with override_tenant(tenant):
                assert Author.objects.get().name == tenant.key
    finally:
        drop(*made)


def test_keys_that_differ_in_a_hyphen_are_two_tenants(world):
    start = new_key()
    made = []
    try:
        made = [
            provision(key=f"{start}-x", slug=f"{start}-x1", domains=[]),
            provision(key=f"{start}_x", slug=f"{start}-x2", domains=[]),
        ]
        assert made[0].location != made[1].location
        with override_tenant(made[0]):
            Author.objects.create(name="x")
        with override_tenant(made[1]):
            assert not Author.objects.exists()
    finally:
        drop(*made)


@pytest.mark.parametrize("key", HOSTILE)
def test_a_hostile_key_is_refused_and_nothing_is_made(world, key):
    number = Tenant.objects.count()
    with pytest.raises((ValidationError, TenantryError)):
        Tenant.objects.provision(key=key)
    with pytest.raises((ValidationError, TenantryError)):
        Tenant(key=key).save()
    with pytest.raises(InvalidIdentifier):
        isolations["default"].location_for(key)
    assert Tenant.objects.count() == number
    assert not LifecycleRecord.objects.exists()
    if "\0" not in key:
        assert not UsedKey.objects.filter(key=key).exists()


@pytest.mark.parametrize("key", ["public", "tenantry_shared", "pg_x", "tenantry"])
def test_a_key_that_names_a_schema_of_the_server_is_refused(world, key):
    isolation = isolations["default"]
    if isolation.name != "schema":
        assert isolation.location_for(key).endswith((key, f"{key}.sqlite3"))
        return
    with pytest.raises((ValidationError, TenantryError)):
        Tenant.objects.provision(key=key)
    with pytest.raises(InvalidIdentifier):
        isolation.location_for(key)
