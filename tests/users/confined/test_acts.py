"""The acts on users of the tenants' own: nobody in another tenant is touched."""

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import Permission, User
from django.test import Client

from tenantry import exceptions, override_tenant
from tenantry.catalog.people import AuditEntry, TenantOwner
from tenantry.users.own_users import OwnUsers
from tenantry.users.people import ConfinedPeople, people_of
from tests.world import drop, new_key, provision, replaced

pytestmark = pytest.mark.usefixtures("database")

SAME = 7_000_000  # far from what the tenants count by themselves


@pytest.fixture(scope="module", name="pair")
def two(database):
    made = provision("a"), provision("b")
    yield made
    drop(*made)


@pytest.fixture(name="twins")
def same_keys_in_both(pair):
    """Users of the two tenants with one primary key, name and address."""
    numbers = iter(range(SAME, SAME + 100))

    def make():
        pk = next(numbers)
        found = []
        for tenant in pair:
            with override_tenant(tenant):
                User.objects.filter(pk=pk).delete()
                found.append(
                    User.objects.create_user(f"u{pk}", f"u{pk}@example.org", pk=pk)
                )
        return found

    yield make
    with override_tenant(None):
        TenantOwner.objects.all().delete()


def stored(tenant):
    """Return all that the tenant's users are, and may."""
    with override_tenant(tenant):
        return [
            (
                *User.objects.filter(pk=pk).values_list()[0],
                sorted(User.objects.get(pk=pk).get_all_permissions()),
                sorted(User.objects.get(pk=pk).groups.values_list("name", flat=True)),
            )
            for pk in User.objects.order_by("pk").values_list("pk", flat=True)
        ]


def test_people_of_such_a_tenant_are_its_own_users(pair, twins):
    ann, _ = twins()
    people = people_of(pair[0])
    assert isinstance(people, ConfinedPeople)
    assert people.get(ann.pk) == people.of_user(ann) == people.find(ann.email)[0]
    assert people.get(ann.pk) in people.all()
    assert people.get(ann.pk).roles == ()
    with pytest.raises(exceptions.NotAMember):
        people.get("no key")


def test_no_act_in_one_tenant_touches_the_same_primary_key_in_another(pair, twins):
    here, there = pair
    (ann, their_ann), (bob, their_bob) = twins(), twins()
    assert (ann.pk, bob.pk) == (their_ann.pk, their_bob.pk)
    before, people = stored(there), people_of(here)
    people.add(ann, "owner")
    people.grant(bob, "admin", by=ann)
    people.suspend(bob, by=ann)
    people.resume(bob, by=ann)
    people.transfer(ann, bob, by=ann)
    people.revoke(bob, "admin")
    people.remove(ann, by=bob)
    people.create(ann.email, "admin", password="new")
    assert stored(there) == before
    assert people_of(there).get(bob.pk).is_owner is False
    assert people_of(there).of_user(bob) is None


def test_without_the_label_of_the_object_an_act_would_hit_the_namesake(pair, twins):
    """The negative control: what keeps the two apart is that check."""
    ann, their_ann = twins()
    with pytest.raises(exceptions.WrongTenant, match=pair[0].key):
        people_of(pair[1]).suspend(ann)
    with replaced(OwnUsers, "_is_own", lambda *_: True):
        people_of(pair[1]).suspend(ann)
    with override_tenant(pair[1]):
        their_ann.refresh_from_db()
        assert not their_ann.is_active


def test_a_user_of_no_tenant_is_none_of_its_people(pair):
    people = people_of(pair[0])
    with pytest.raises(exceptions.NotTheirUser, match="members_of"):
        people.add(User(username="unsaved"))
    assert people.of_user(User(username="unsaved")) is None


def test_a_role_sets_the_flags_and_a_group_of_the_tenants_user(pair, twins, settings):
    roles = {"editor": {"STAFF": True, "PERMISSIONS": ["shop.change_book"]}}
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": roles}
    ann, _ = twins()
    people = people_of(pair[0])
    person = people.grant(ann, "editor")
    assert person.roles == ("editor",)
    assert not person.manages
    with override_tenant(pair[0]):
        ann = User.objects.get(pk=ann.pk)
        assert ann.is_staff
        assert not ann.is_superuser
        assert ann.get_all_permissions() == {"shop.change_book"}
    people.revoke(ann, "editor")
    with override_tenant(pair[0]):
        ann = User.objects.get(pk=ann.pk)
        assert not ann.is_staff
        assert ann.get_all_permissions() == set()


def test_revoking_a_role_leaves_what_another_role_gives(pair, twins, settings):
    roles = {
        "clerk": {"STAFF": True, "GROUPS": ["desk"]},
        "head": {"STAFF": True, "SUPERUSER": True, "GROUPS": ["desk", "heads"]},
    }
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": roles}
    ann, _ = twins()
    people = people_of(pair[0])
    people.grant(ann, "clerk", "head")
    people.revoke(ann, "head")
    with override_tenant(pair[0]):
        ann = User.objects.get(pk=ann.pk)
        assert (ann.is_staff, ann.is_superuser) == (True, False)
        names = set(ann.groups.values_list("name", flat=True))
        assert names == {"clerk", "desk"}


def test_a_removed_user_is_deactivated_and_their_session_ends_at_once(pair, twins):
    here = pair[0]
    ann, _ = twins()
    with override_tenant(here):
        ann.set_password("pw")
        ann.save()
        client = Client(headers={"host": here.domains.get().host})
        client.force_login(ann)
    people = people_of(here)
    people.grant(ann, "admin")
    assert ann.username in client.get("/whoami/").content.decode()
    people.remove(ann)
    assert ann.username not in client.get("/whoami/").content.decode()
    with override_tenant(here):
        ann = User.objects.get(pk=ann.pk)
        assert (ann.is_active, ann.is_staff, ann.is_superuser) == (False,) * 3
        assert not ann.has_usable_password()
        assert not ann.groups.exists()
        assert authenticate(username=ann.username, password="pw") is None
    assert people.of_user(ann) is None
    assert ann.pk not in [person.user.pk for person in people.all()]
    with pytest.raises(exceptions.NotAMember):
        people.grant(ann, "admin")


def test_a_session_of_before_the_removal_stays_dead_when_they_are_back(pair, twins):
    here = pair[0]
    ann, _ = twins()
    with override_tenant(here):
        client = Client(headers={"host": here.domains.get().host})
        client.force_login(ann)
    people = people_of(here)
    people.remove(ann)
    back = people.create(ann.email, "member", password="new")
    assert back.user.pk == ann.pk
    assert back.state == "active"
    assert ann.username not in client.get("/whoami/").content.decode()
    with override_tenant(here):
        assert authenticate(username=ann.username, password="new") == ann


def test_a_suspended_user_keeps_roles_and_password(pair, twins):
    ann, _ = twins()
    people = people_of(pair[0])
    people.grant(ann, "admin")
    with override_tenant(pair[0]):
        before = User.objects.get(pk=ann.pk).password
    assert people.suspend(ann).state == "suspended"
    assert people.of_user(ann).roles == ("admin",)
    assert people.powers(ann) is None
    assert people.resume(ann).state == "active"
    with override_tenant(pair[0]):
        assert User.objects.get(pk=ann.pk).password == before


def test_a_suspended_user_is_not_resumed_by_being_given_a_role(pair, twins):
    ann, _ = twins()
    people = people_of(pair[0])
    people.suspend(ann)
    assert people.add(ann, "member").state == "suspended"
    with pytest.raises(exceptions.OwnerRequired, match="no access"):
        people.add(ann, "owner")
    with pytest.raises(exceptions.OwnerRequired, match="no access"):
        people.grant(ann, "owner")


def test_a_user_who_is_back_can_be_suspended_and_resumed(pair, twins):
    ann, _ = twins()
    people = people_of(pair[0])
    people.remove(ann)
    assert people.add(ann, "member").state == "active"
    assert people.suspend(ann).state == "suspended"
    assert people.resume(ann).roles == ("member",)


def test_the_owner_stays_until_it_is_transferred(pair, twins):
    (ann, _), (bob, _) = twins(), twins()
    people = people_of(pair[0])
    people.add(ann, "owner")
    people.add(bob)
    for act in (people.remove, people.suspend, people.leave):
        with pytest.raises(exceptions.OwnerRequired, match="Transfer"):
            act(ann)
    with pytest.raises(exceptions.OwnerRequired, match="Transfer"):
        people.revoke(ann, "owner")
    with pytest.raises(exceptions.OwnerRequired, match="second"):
        people.add(bob, "owner")
    assert people.transfer(ann, bob).is_owner
    assert [p.user for p in people.all() if p.is_owner] == [bob]
    with override_tenant(pair[0]):
        assert User.objects.get(pk=bob.pk).is_superuser
        assert not User.objects.get(pk=ann.pk).is_superuser
    people.leave(ann)


def test_deleting_the_user_who_owns_the_tenant_is_refused(pair, twins):
    ann, their_ann = twins()
    people_of(pair[0]).add(ann, "owner")
    with override_tenant(pair[0]), pytest.raises(exceptions.OwnsTenants) as caught:
        User.objects.filter(pk=ann.pk).delete()
    assert caught.value.keys == (pair[0].key,)
    with override_tenant(pair[1]):
        assert their_ann.delete()[0]


def test_the_tenants_admin_says_before_that_the_owner_stays(pair, twins):
    from django.contrib.admin.utils import NestedObjects

    from tests.world import without_seam

    (ann, their_ann), (bob, _) = twins(), twins()
    people_of(pair[0]).add(ann, "owner")

    def protected(tenant, *users):
        with override_tenant(tenant):
            collector = NestedObjects(using=tenant.ref.label)
            collector.collect(users)
            return collector.protected

    assert protected(pair[0], ann, bob) == {ann}
    assert protected(pair[1], their_ann) == set()
    with without_seam(NestedObjects, "collect"):
        assert protected(pair[0], ann, bob) == set()


def test_a_manager_without_more_cannot_make_or_touch_one_with_more(
    pair, twins, settings
):
    roles = {
        "host": {"MANAGES": True, "PERMISSIONS": ["shop.add_book"]},
        "admin": {"STAFF": True, "SUPERUSER": True, "MANAGES": True},
        "seller": {"PERMISSIONS": ["shop.add_book"]},
        "editor": {"PERMISSIONS": ["shop.change_book"]},
    }
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": roles}
    (host, _), (boss, _), (new, _) = twins(), twins(), twins()
    people = people_of(pair[0])
    people.add(host, "host")
    people.add(boss, "admin")
    assert people.grant(new, "seller", by=host).roles == ("seller",)
    for act in (
        lambda: people.grant(new, "editor", by=host),
        lambda: people.grant(new, "admin", by=host),
        lambda: people.remove(boss, by=host),
        lambda: people.revoke(boss, "admin", by=host),
        lambda: people.suspend(boss, by=host),
        lambda: people.add(new, "owner", by=boss),
        lambda: people.grant(new, "seller", by=new),
    ):
        with pytest.raises(exceptions.NotPermitted):
            act()
    with override_tenant(pair[0]):
        host.user_permissions.add(Permission.objects.get(codename="change_book"))
    assert "editor" in people.grant(new, "editor", by=host).roles


def test_creating_an_account_that_is_there_is_refused_and_makes_nothing(pair, twins):
    ann, _ = twins()
    people = people_of(pair[0])
    number = len(people.all())
    with pytest.raises(exceptions.AccountExists, match=ann.email.upper()):
        people.create(ann.email.upper(), "admin")
    with pytest.raises(exceptions.UnknownRole, match="'admin'"):
        people.create("new@example.org", "admn")
    with pytest.raises(exceptions.AccountExists, match=ann.username):
        people.create("new@example.org", username=ann.username)
    assert len(people.all()) == number


def test_a_failing_act_leaves_neither_user_nor_role(pair, twins):
    people = people_of(pair[0])
    people.add(twins()[0], "owner")
    with pytest.raises(exceptions.OwnerRequired):
        people.create("second@example.org", "owner")
    assert people.find("second@example.org") == []


def test_each_act_is_in_the_audit_with_who_did_it(pair, twins):
    (ann, _), (bob, _) = twins(), twins()
    people = people_of(pair[0])
    people.add(ann, "owner")
    people.grant(bob, "admin", by=ann)
    people.transfer(ann, bob, by=ann)
    people.remove(ann, by=bob)
    with override_tenant(None):
        entries = AuditEntry.objects.filter(tenant_key=pair[0].key).order_by("-pk")[:4]
        found = [(each.action, each.actor_pk, each.target) for each in entries]
    assert found == [
        ("member.removed", str(bob.pk), str(ann)),
        ("owner.transferred", str(ann.pk), str(bob)),
        ("member.granted", str(ann.pk), str(bob)),
        ("member.added", "", str(ann)),
    ]


def test_the_owner_of_a_tenant_that_was_never_finished_owns_no_other(pair):
    from tenantry.signals import tenant_provisioned

    key = new_key("n")

    def fill(tenant, **_):
        people_of(tenant).create("first@example.org", "owner", password="pw", pk=SAME)
        raise ZeroDivisionError

    tenant_provisioned.connect(fill)
    try:
        with pytest.raises(ZeroDivisionError):
            provision(key=key)
    finally:
        tenant_provisioned.disconnect(fill)
    tenant = provision(key=key)
    try:
        with override_tenant(tenant):
            User.objects.create_user("other", pk=SAME)
        assert people_of(tenant).get(SAME).is_owner is False
    finally:
        drop(tenant)


def test_of_many_who_would_be_the_first_owner_one_is(pair, twins):
    import threading

    from tests.world import in_threads

    users = [twins()[0] for _ in range(4)]
    people, barrier = people_of(pair[0]), threading.Barrier(4)

    def attempt(user):
        barrier.wait()
        try:
            people.add(user, "owner")
        except exceptions.OwnerRequired:
            return False
        return True

    won = in_threads(*[lambda user=user: attempt(user) for user in users])
    assert sorted(won) == [False, False, False, True]
    with override_tenant(pair[0]):
        assert User.objects.filter(is_superuser=True, pk__gte=SAME).count() == 1
