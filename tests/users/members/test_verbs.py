"""`manage.py tenants members|grant|revoke|transfer`, where users are shared."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command

from tenantry import override_tenant
from tenantry.models import AuditEntry
from tenantry.users.people import people_of
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(name="tenant")
def one(database):
    tenant = provision("v")
    yield tenant
    drop(tenant)


@pytest.fixture(name="ann")
def a_shared_user():
    name = new_key("ann")
    with override_tenant(None):
        return User.objects.create_user(name, f"{name}@example.org", last_name="Lee")


@pytest.fixture(name="tenants")
def verb(capsys):
    def call(*words):
        capsys.readouterr()
        call_command("tenants", *words)
        return capsys.readouterr().out

    return call


def test_members_are_listed_with_roles_and_owner(tenants, tenant, ann):
    assert "tenants grant" in tenants("members", tenant.key)
    people_of(tenant).add(ann, "owner", "admin")
    names, line = tenants("members", tenant.key).splitlines()
    assert names.split()[:3] == ["pk", "user", "name"]
    for each in (ann.username, ann.email, "admin", "yes", "active"):
        assert each in line.split()
    (told,) = json.loads(tenants("members", tenant.key, "--format", "json"))
    assert told["pk"] == str(ann.pk)
    assert told["roles"] == ["admin"]
    assert told["owner"] is True


def test_grant_lets_in_who_is_no_member_and_gives_who_is_more(tenants, tenant, ann):
    said = tenants("grant", tenant.key, ann.email, "member")
    assert said == f"{ann} in {tenant.key}: member (active).\n"
    said = tenants("grant", tenant.key, str(ann.pk), "admin", "owner")
    assert "owner, member, admin" in said
    assert people_of(tenant).of_user(ann).is_owner


def test_revoke_takes_roles_or_the_membership(tenants, tenant, ann):
    people = people_of(tenant)
    people.add(ann, "member", "admin")
    assert "member (active)" in tenants("revoke", tenant.key, ann.username, "admin")
    assert "no access" in tenants("revoke", tenant.key, ann.username, "--all")
    assert people.all() == []


def test_transfer_is_from_whoever_owns_it(tenants, tenant, ann):
    people = people_of(tenant)
    bob = people.create(f"{new_key()}@example.org").user
    with pytest.raises(CommandError, match="no owner yet"):
        tenants("transfer", tenant.key, bob.email)
    people.add(ann, "owner")
    assert "owner" in tenants("transfer", tenant.key, bob.email)
    assert people.of_user(bob).is_owner
    with override_tenant(None):
        entry = AuditEntry.objects.filter(action="owner.transferred").latest("pk")
    assert (entry.actor_pk, entry.facts["owner"]) == ("", ann.username)
    assert entry.actor.startswith("command: ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("members nobody", "no tenant 'nobody'"),
        ("grant {key} nobody@example.org member", "no user has the name"),
        ("grant {key} {ann} membr", "Did you mean 'member'"),
        ("revoke {key} {ann}", "one of the two"),
        ("revoke {key} {ann} member --all", "one of the two"),
        ("revoke {key} {ann} member", "not among its people"),
        ("transfer {key} nobody@example.org", "no user has the name"),
    ],
)
def test_what_is_wrong_is_said_with_the_next_step(tenants, tenant, ann, *, words, said):
    with pytest.raises(CommandError, match=said):
        tenants(*words.format(key=tenant.key, ann=ann.username).split())


def test_the_owner_is_not_removed(tenants, tenant, ann):
    people_of(tenant).add(ann, "owner")
    with pytest.raises(CommandError, match="Transfer it"):
        tenants("revoke", tenant.key, ann.username, "--all")
    with pytest.raises(CommandError, match="Transfer it"):
        tenants("revoke", tenant.key, ann.username, "owner")
