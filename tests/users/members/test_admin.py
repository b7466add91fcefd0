"""Memberships in the admin of the shared site."""

import pytest
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse

from tenantry import override_tenant
from tenantry.catalog.people import AuditEntry
from tenantry.users.members import membership
from tenantry.users.people import people_of
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database")

LIST = "admin:tenantry_users_membership_changelist"


def url(name, *args):
    return reverse(name, urlconf="tests.users.urls_shared", args=args)


@pytest.fixture(name="tenant")
def one(database):
    tenant = provision("v")
    yield tenant
    drop(tenant)


def shared_user(**fields):
    with override_tenant(None):
        name = new_key("u")
        return User.objects.create_user(name, f"{name}@example.org", **fields)


@pytest.fixture(name="client")
def an_administrator():
    client = Client(headers={"host": "example.com"})
    with override_tenant(None):
        client.force_login(shared_user(is_staff=True, is_superuser=True))
    return client


def form_of(row):
    with override_tenant(None):
        return {
            "state": row.state,
            "roles": row.roles,
            "groups": [group.pk for group in row.groups.all()],
            "permissions": [],
        }


def change(client, row, **values):
    path = url("admin:tenantry_users_membership_change", row.pk)
    return client.post(path, form_of(row) | values, follow=True)


def test_a_membership_is_added_by_user_and_tenant(client, tenant):
    ann = shared_user()
    given = {"tenant": tenant.pk, "user": ann.pk, "state": "active", "roles": ["admin"]}
    path = url("admin:tenantry_users_membership_add")
    said = client.post(path, given, follow=True).content.decode()
    assert "was added successfully" in said
    assert people_of(tenant).of_user(ann).roles == ("admin",)
    assert "already exists" in client.post(path, given).content.decode()


def test_roles_state_and_groups_are_changed_by_the_acts(client, tenant):
    ann = shared_user()
    people_of(tenant).add(ann, "member")
    with override_tenant(None):
        desk = Group.objects.create(name=new_key("desk"))
    row = membership(ann, tenant)
    change(client, row, roles=["admin"], state="suspended", groups=[desk.pk])
    person = people_of(tenant).of_user(ann)
    assert (person.roles, person.state) == (("admin",), "suspended")
    with override_tenant(None):
        assert list(row.groups.all()) == [desk]
        written = AuditEntry.objects.filter(tenant_key=tenant.key, target=ann.username)
        assert [each.action for each in written] == [
            "member.granted",
            "member.suspended",
            "member.revoked",
            "member.granted",
            "member.added",
        ]
    change(client, row, state="active")
    assert people_of(tenant).of_user(ann).state == "active"


def test_the_owner_is_protected(client, tenant):
    ann = shared_user()
    people_of(tenant).add(ann, "owner")
    row = membership(ann, tenant)
    said = change(client, row, state="suspended").content.decode()
    assert "Transfer it to another member first" in said
    path = url("admin:tenantry_users_membership_delete", row.pk)
    assert client.post(path, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
    client.post(url(LIST), chosen)
    person = people_of(tenant).of_user(ann)
    assert (person.state, person.is_owner) == ("active", True)
    with override_tenant(None):
        path = url("admin:auth_user_delete", ann.pk)
    if client.get(path).status_code != 404:
        client.post(path, {"post": "yes"})
    assert people_of(tenant).of_user(ann).is_owner


def test_a_member_is_made_the_owner_and_another_removed(client, tenant):
    ann, bob = shared_user(), shared_user()
    people = people_of(tenant)
    people.add(ann, "owner")
    people.add(bob)
    rows = membership(ann, tenant), membership(bob, tenant)
    chosen = {"action": "make_owner", "_selected_action": [rows[1].pk]}
    said = client.post(url(LIST), chosen, follow=True).content.decode()
    assert f"The owner of {tenant} is {bob} now." in said
    assert people.of_user(bob).is_owner
    path = url("admin:tenantry_users_membership_delete", rows[0].pk)
    client.post(path, {"post": "yes"})
    assert people.of_user(ann) is None
    with override_tenant(None):
        assert User.objects.filter(pk=ann.pk).exists()


def test_members_are_listed_filtered_and_found(client, tenant):
    ann, bob = shared_user(), shared_user()
    people_of(tenant).add(ann, "owner")
    people_of(tenant).add(bob)
    for query, shown, hidden in [
        (f"q={tenant.key}", [ann, bob], []),
        (f"q={bob.email}", [bob], [ann]),
        ("is_owner__exact=1", [ann], [bob]),
    ]:
        said = client.get(f"{url(LIST)}?{query}").content.decode()
        assert all(user.username in said for user in shown)
        assert not any(user.username in said for user in hidden)


def test_a_tenants_own_admin_does_not_show_memberships(client, tenant):
    assert client.get(url(LIST)).status_code == 200
    host = tenant.domains.get().host
    root = shared_user(is_staff=True, is_superuser=True)
    people_of(tenant).add(root, "owner")
    there = Client(headers={"host": host})
    with override_tenant(tenant):
        there.force_login(root)
    assert there.get(url(LIST)).status_code in {302, 404}
