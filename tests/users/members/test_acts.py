"""The acts on members: who is let in, may do what, and who owns the tenant."""

import threading

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.db import connection, transaction

from tenantry import exceptions, override_tenant
from tenantry.catalog.people import AuditEntry
from tenantry.users.members import membership, memberships_of
from tenantry.users.people import People, SharedPeople, members_of, people_of
from tests.world import drop, in_threads, new_key, provision, replaced

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(scope="module", name="pair")
def two(database):
    made = provision("a"), provision("b")
    yield made
    drop(*made)


@pytest.fixture(name="people")
def of_tenant(pair):
    people = people_of(pair[0])
    yield people
    with override_tenant(None):
        for tenant in pair:
            tenant.memberships.update(is_owner=False)
            tenant.memberships.all().delete()


def shared_user(name="u", **fields):
    name = new_key(name)
    with override_tenant(None):
        return User.objects.create_user(name, f"{name}@example.org", "pw", **fields)


def names(people):
    return [person.user.username for person in people.all()]


# Who is there.


def test_a_shared_user_becomes_a_member_with_roles(people):
    ann = shared_user("ann")
    person = people.add(ann, "admin")
    assert (
        person == people.of_user(ann) == people.get(ann.pk) == people.get(str(ann.pk))
    )
    assert person.roles == ("admin",)
    assert person.manages
    assert not person.is_owner
    assert people.all() == people.find(ann.email.upper()) == [person]


def test_adding_a_member_twice_is_refused(people):
    ann = shared_user("ann")
    people.add(ann)
    with pytest.raises(exceptions.AlreadyAMember, match="active"):
        people.add(ann, "admin")
    assert people.of_user(ann).roles == ()


def test_a_member_of_one_tenant_is_nobody_in_another(people, pair):
    ann = shared_user("ann")
    people.add(ann, "owner")
    others = people_of(pair[1])
    assert others.of_user(ann) is None
    assert others.all() == []
    for act in (others.grant, others.suspend, others.remove, others.leave):
        with pytest.raises(exceptions.NotAMember, match=str(ann)):
            act(ann)
    with pytest.raises(exceptions.NotAMember):
        others.get(ann.pk)


def test_acts_are_the_same_with_any_tenant_active(people, pair):
    ann = shared_user("ann")
    with override_tenant(pair[1]):
        people.add(ann, "admin")
        with override_tenant(pair[0]):
            ann_there = User.objects.get(pk=ann.pk)
            people.grant(ann_there, "member")
        assert people.of_user(ann).roles == ("admin", "member")
    assert people_of(pair[1]).all() == []


def test_members_are_the_people_where_users_are_shared(pair):
    assert isinstance(people_of(pair[0]), SharedPeople)
    assert isinstance(people_of(pair[0].ref), SharedPeople)
    assert isinstance(members_of(pair[0]), SharedPeople)


def test_a_member_is_found_by_their_address_and_no_look_alike(people):
    ann = shared_user("ann")
    people.add(ann)
    assert [p.user for p in people.find(ann.email.swapcase())] == [ann]
    assert people.find(ann.email.replace(".org", ".orq")) == []


def test_anonymous_and_unsaved_users_are_nobody(people):
    from django.contrib.auth.models import AnonymousUser

    assert people.of_user(AnonymousUser()) is None
    assert people.of_user(User(username="new")) is None
    assert people.powers(AnonymousUser()) is None
    with pytest.raises(exceptions.NotTheirUser, match="save it"):
        people.add(User(username="new"))


def test_an_account_is_named_by_name_address_or_key(people):
    ann, bob = shared_user("ann"), shared_user("bob")
    for name in (ann.username, ann.email.upper(), str(ann.pk)):
        assert people.account(name) == ann
    with override_tenant(None):
        User.objects.filter(pk=bob.pk).update(email=ann.email)
    with pytest.raises(exceptions.NoSuchUser, match=f"pk={bob.pk}"):
        people.account(ann.email)
    assert people.account(f"pk={bob.pk}") == bob
    with pytest.raises(exceptions.NoSuchUser, match="no user"):
        people.account("nobody@example.org")


def test_my_tenants_are_those_in_service_first_the_last_entered_before(people, pair):
    from django.utils import timezone

    ann = shared_user("ann")
    for tenant in pair:
        people_of(tenant).add(ann)
    with override_tenant(None):
        rows = memberships_of(ann)
        assert [row.tenant for row in rows] == list(pair)
        rows.filter(tenant=pair[1]).update(last_entered_at=timezone.now())
        assert [row.tenant for row in memberships_of(ann)] == [pair[1], pair[0]]
    pair[1].suspend()
    assert [row.tenant for row in memberships_of(ann)] == list(pair)
    pair[1].resume()
    assert membership(ann, pair[0]).tenant == pair[0]
    assert membership(shared_user(), pair[0]) is None


def test_nobody_is_taken_for_another_whose_address_or_key_is_their_name(people):
    ann = shared_user("ann")
    with override_tenant(None):
        for name in (ann.email, str(ann.pk), f"pk={ann.pk}"):
            User.objects.create_user(name)
    for name in (ann.email, str(ann.pk)):
        with pytest.raises(exceptions.NoSuchUser, match=f"pk={ann.pk}"):
            people.account(name)
    assert people.account(f"pk={ann.pk}") == ann
    with pytest.raises(exceptions.NoSuchUser, match="no user"):
        people.account("pk=nobody")


# Roles.


def test_a_role_that_the_settings_lack_is_refused_naming_the_nearest(people):
    ann = shared_user("ann")
    with pytest.raises(exceptions.UnknownRole, match="Did you mean 'admin'"):
        people.add(ann, "admim")
    assert people.of_user(ann) is None
    people.add(ann)
    with pytest.raises(exceptions.UnknownRole, match="There are: owner, admin, member"):
        people.grant(ann, "xyz")


def test_granting_twice_changes_nothing(people):
    ann = shared_user("ann")
    people.add(ann, "member")
    people.grant(ann, "member", "admin")
    assert people.grant(ann, "admin").roles == ("member", "admin")


def test_revoked_roles_go_and_the_membership_stays(people):
    ann = shared_user("ann")
    people.add(ann, "member", "admin")
    assert people.revoke(ann, "admin").roles == ("member",)
    assert people.revoke(ann, "member", "admin").roles == ()
    assert people.of_user(ann).state == "active"


def test_a_role_that_left_the_settings_can_still_be_revoked(people, settings):
    ann = shared_user("ann")
    people.add(ann, "admin")
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": {"member": {}}}
    assert not people.of_user(ann).manages
    assert people.revoke(ann, "admin").roles == ()
    with pytest.raises(exceptions.UnknownRole):
        people.revoke(ann, "admin")


def test_who_manages_can_neither_give_nor_take_more_than_they_have(people, settings):
    roles = {
        "host": {"MANAGES": True, "PERMISSIONS": ["shop.add_book"]},
        "admin": {"STAFF": True, "SUPERUSER": True, "MANAGES": True},
        "seller": {"PERMISSIONS": ["shop.add_book"]},
        "editor": {"PERMISSIONS": ["shop.change_book"], "GROUPS": ["desk"]},
    }
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": roles}
    host, boss, new = shared_user("host"), shared_user("boss"), shared_user("new")
    people.add(host, "host")
    people.add(boss, "admin")
    assert people.add(new, "seller", by=host).roles == ("seller",)
    for act in (
        lambda: people.grant(new, "editor", by=host),
        lambda: people.grant(new, "admin", by=host),
        lambda: people.create("x@example.org", "admin", by=host),
        lambda: people.revoke(boss, "admin", by=host),
        lambda: people.suspend(boss, by=host),
        lambda: people.remove(boss, by=host),
        lambda: people.grant(new, "owner", by=boss),
        lambda: people.add(shared_user(), by=new),
        lambda: people.add(shared_user(), by=shared_user()),
        lambda: people.remove(host, by=new),
    ):
        with pytest.raises(exceptions.NotPermitted):
            act()
    assert people.find("x@example.org") == []
    with override_tenant(None):
        row = membership(host, people.tenant)
        desk, _ = Group.objects.get_or_create(name="desk")
        row.groups.add(desk)
        row.permissions.add(Permission.objects.get(codename="change_book"))
    assert "editor" in people.grant(new, "editor", by=host).roles
    people.remove(host, by=boss)


def test_who_is_suspended_or_deactivated_permits_nothing(people):
    boss, new = shared_user("boss"), shared_user("new")
    people.add(boss, "admin")
    people.suspend(boss)
    with pytest.raises(exceptions.NotPermitted):
        people.add(new, by=boss)
    people.resume(boss)
    people.add(new, by=boss)
    with override_tenant(None):
        User.objects.filter(pk=boss.pk).update(is_active=False)
    with pytest.raises(exceptions.NotPermitted):
        people.remove(new, by=boss)


def test_a_superuser_of_the_shared_site_is_not_one_of_a_tenants_people(people):
    root = shared_user("root", is_superuser=True, is_staff=True)
    with pytest.raises(exceptions.NotPermitted):
        people.add(shared_user(), "member", by=root)


# The owner.


def test_the_owner_stays_until_it_is_transferred(people):
    ann, bob = shared_user("ann"), shared_user("bob")
    assert people.add(ann, "owner", "member").is_owner
    people.add(bob)
    for act in (people.remove, people.suspend, people.leave):
        with pytest.raises(exceptions.OwnerRequired, match="Transfer"):
            act(ann)
    with pytest.raises(exceptions.OwnerRequired, match="Transfer"):
        people.revoke(ann, "owner")
    assert people.transfer(ann, bob, by=ann).is_owner
    assert [p.user for p in people.all() if p.is_owner] == [bob]
    assert people.of_user(ann).roles == ("member",)
    people.leave(ann)
    assert names(people) == [bob.username]


def test_a_tenant_has_no_second_owner(people):
    ann, bob = shared_user("ann"), shared_user("bob")
    people.add(ann, "owner")
    with pytest.raises(exceptions.OwnerRequired, match="second"):
        people.add(bob, "owner")
    assert people.of_user(bob) is None
    people.add(bob)
    with pytest.raises(exceptions.OwnerRequired, match=ann.username):
        people.grant(bob, "owner")
    assert people.grant(ann, "owner").is_owner


def test_ownership_goes_only_from_the_owner_to_a_member_with_access(people):
    ann, bob, eve = shared_user("ann"), shared_user("bob"), shared_user("eve")
    people.add(ann, "owner")
    people.add(bob, "admin")
    with pytest.raises(exceptions.NotAMember):
        people.transfer(ann, eve)
    with pytest.raises(exceptions.OwnerRequired, match="does not own"):
        people.transfer(bob, bob)
    with pytest.raises(exceptions.NotPermitted):
        people.transfer(ann, bob, by=bob)
    people.suspend(bob)
    with pytest.raises(exceptions.OwnerRequired, match="no access"):
        people.transfer(ann, bob)
    assert [p.user for p in people.all() if p.is_owner] == [ann]


def test_deleting_the_owners_account_is_refused_with_their_tenants(people, pair):
    ann = shared_user("ann")
    for tenant in pair:
        people_of(tenant).add(ann, "owner")
    keys = tuple(sorted(tenant.key for tenant in pair))
    with override_tenant(None):
        for delete in (ann.delete, User.objects.filter(pk=ann.pk).delete):
            with pytest.raises(exceptions.OwnsTenants, match=", ".join(keys)) as caught:
                delete()
            assert caught.value.keys == keys
        with pytest.raises(exceptions.OwnsTenants):
            membership(ann, pair[0]).delete()
        assert User.objects.filter(pk=ann.pk).exists()


def test_the_admin_is_told_before_that_an_owner_is_protected(people):
    from django.contrib.admin.utils import NestedObjects

    ann = shared_user("ann")
    people.add(ann, "owner")
    with override_tenant(None):
        collector = NestedObjects(using="default")
        collector.collect([ann])
        assert collector.protected == {membership(ann, people.tenant)}


def test_a_deleted_account_takes_its_memberships_with_it(people):
    ann, bob = shared_user("ann"), shared_user("bob")
    people.add(ann, "admin")
    people.add(bob)
    with override_tenant(None):
        ann.delete()
    assert names(people) == [bob.username]


def test_a_tenant_is_dropped_with_its_owner_who_then_may_be_deleted():
    tenant, ann = provision("d"), shared_user("ann")
    people_of(tenant).add(ann, "owner")
    tenant.drop(confirm=tenant.key)
    with override_tenant(None):
        assert list(memberships_of(ann)) == []
        ann.delete()


# Many at once.


def owners(people):
    return [person.user.pk for person in people.all() if person.is_owner]


def only_one_wins(*acts):
    """Do the acts at the same time, and return which of them were refused."""
    barrier = threading.Barrier(len(acts))

    def attempt(act):
        barrier.wait()
        try:
            act()
        except exceptions.PeopleError as error:
            return error
        return None

    ends = in_threads(*[lambda act=act: attempt(act) for act in acts])
    return [error for error in ends if error is not None]


def test_of_many_who_would_be_the_first_owner_one_is(people):
    users = [shared_user() for _ in range(5)]
    refused = only_one_wins(
        *[lambda user=user: people.add(user, "owner") for user in users]
    )
    assert len(refused) == 4
    assert len(owners(people)) == 1


def test_of_many_transfers_at_once_one_is_done(people):
    ann, *others = [shared_user() for _ in range(5)]
    people.add(ann, "owner")
    for user in others:
        people.add(user)
    refused = only_one_wins(
        *[lambda user=user: people.transfer(ann, user) for user in others]
    )
    assert len(refused) == 3
    assert len(owners(people)) == 1
    assert owners(people) != [ann.pk]


@pytest.mark.parametrize("_try", range(10))
def test_who_is_removed_while_it_is_transferred_to_them_stays_or_never_owned(
    people, _try
):
    ann, bob = shared_user(), shared_user()
    people.add(ann, "owner")
    people.add(bob)
    refused = only_one_wins(
        lambda: people.transfer(ann, bob), lambda: people.remove(bob)
    )
    assert len(refused) == 1
    assert len(owners(people)) == 1


def test_without_the_lock_two_become_owners(people):
    """The negative control: what makes them take turns is the tenant's row."""
    if connection.vendor == "sqlite":
        pytest.skip("SQLite lets one write at a time, whatever we do")
    from contextlib import contextmanager

    barrier = threading.Barrier(2)

    @contextmanager
    def unlocked(self):
        with override_tenant(None), transaction.atomic():
            yield
            barrier.wait(10)

    ann, bob = shared_user(), shared_user()
    with replaced(People, "alone", unlocked):
        in_threads(lambda: people.add(ann, "owner"), lambda: people.add(bob, "owner"))
    assert len(owners(people)) == 2


def test_a_user_added_twice_at_once_is_a_member_once(people):
    ann = shared_user("ann")
    refused = only_one_wins(*[lambda: people.add(ann)] * 3)
    assert [type(error) for error in refused] == [exceptions.AlreadyAMember] * 2
    assert names(people) == [ann.username]


# Accounts made with the membership; the audit.


def test_an_account_is_made_with_its_membership(people):
    address = f"{new_key()}@Example.ORG"
    person = people.create(address, "member", password="pw", first_name="Ann")
    assert person.name == "Ann"
    assert person.roles == ("member",)
    with override_tenant(None):
        user = User.objects.get(pk=person.user_pk)
        assert user.check_password("pw")
        assert user.username == address
        assert not people.create(f"x{address}").user.has_usable_password()
    with pytest.raises(exceptions.AccountExists, match="invite"):
        people.create(address.lower())


def test_each_act_is_in_the_audit_with_who_did_it(people):
    ann, bob = shared_user("ann"), shared_user("bob")
    people.add(ann, "owner")
    people.add(bob, "member", by=ann)
    people.grant(bob, "admin", by=ann)
    people.revoke(bob, "member", by=ann)
    people.suspend(bob, by=ann)
    people.resume(bob, by=ann)
    people.transfer(ann, bob)
    people.leave(ann)
    with override_tenant(None):
        entries = AuditEntry.objects.filter(tenant_key=people.tenant.key)[:8]
        found = [
            (each.action, each.actor_pk, each.target, each.facts.get("roles"))
            for each in reversed(entries)
        ]
    by_ann, ann, bob = str(ann.pk), ann.username, bob.username
    assert found == [
        ("member.added", "", ann, ["owner"]),
        ("member.added", by_ann, bob, ["member"]),
        ("member.granted", by_ann, bob, ["admin"]),
        ("member.revoked", by_ann, bob, ["member"]),
        ("member.suspended", by_ann, bob, None),
        ("member.resumed", by_ann, bob, None),
        ("owner.transferred", "", bob, None),
        ("member.left", by_ann, ann, None),
    ]


def test_an_act_that_cannot_be_written_down_is_not_done(people):
    from tenantry.users import base

    def fail(*args, **facts):
        raise ZeroDivisionError

    ann = shared_user("ann")
    people.add(ann)
    with replaced(base, "record", fail):
        for act in (people.remove, people.suspend, lambda u: people.grant(u, "admin")):
            with pytest.raises(ZeroDivisionError):
                act(ann)
        with pytest.raises(ZeroDivisionError):
            people.create("undone@example.org")
    assert people.of_user(ann).state == "active"
    assert people.of_user(ann).roles == ()
    with override_tenant(None):
        assert not User.objects.filter(email="undone@example.org").exists()
