"""What `is_active`, `is_staff` and `is_superuser` of a shared user are in a tenant."""

import copy
import pickle
from types import SimpleNamespace

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.core import serializers
from django.core.exceptions import ValidationError
from django.db.models import Model, Value
from django.db.models.expressions import DatabaseDefault
from django.db.models.signals import m2m_changed
from django.db.models.sql import compiler
from django.forms import modelform_factory

from tenantry import override_tenant
from tenantry.exceptions import NotSupported
from tenantry.users import account_seams, lookup
from tenantry.users import flags as flags_module
from tenantry.users.account_seams import keep_grants
from tests.users.members.standing import (
    ADMIN,
    MEMBER,
    NOBODY,
    fetched,
    flags,
    join,
    leave,
    new_user,
    queries,
    stored,
)
from tests.world import in_threads, replaced, run, without_seam

PLATFORM = {"is_staff": True, "is_superuser": True}


# What they are.


@pytest.mark.parametrize("columns", [{}, PLATFORM])
def test_they_are_what_the_membership_says_and_not_what_is_stored(both, columns):
    a, b = both
    user = new_user(**columns)
    join(user, a, "member")
    with override_tenant(a):
        assert flags(fetched(user)) == MEMBER
    with override_tenant(b):
        assert flags(fetched(user)) == NOBODY
    assert flags(fetched(user)) == (True, bool(columns), bool(columns))


def test_roles_give_staff_and_superuser_in_their_tenant_only(both):
    a, b = both
    user = new_user()
    join(user, a, "admin")
    join(user, b, is_owner=False)
    with override_tenant(a):
        assert flags(fetched(user)) == ADMIN
    with override_tenant(b):
        assert flags(fetched(user)) == MEMBER


def test_one_object_is_in_each_tenant_what_it_is_there(both):
    a, b = both
    user = new_user()
    join(user, a, "admin")
    found = []
    for place in (a, b, None, a, b):
        with override_tenant(place):
            found.append(flags(user))
    assert found == [ADMIN, NOBODY, MEMBER, ADMIN, NOBODY]


def test_without_the_tenant_in_the_memory_the_first_answer_would_hold_everywhere(both):
    a, b = both
    user = new_user()
    join(user, a, "admin")

    def memory_of(user, _, name):
        return user.__dict__.setdefault("memory", {}), name

    with replaced(lookup, "memory_of", memory_of):
        with override_tenant(a):
            assert flags(user) == ADMIN
        with override_tenant(b):
            assert flags(user) == ADMIN


def test_the_owner_is_by_is_owner_and_never_by_a_name_among_the_roles(both):
    a, b = both
    owner = new_user()
    join(owner, a, is_owner=True)
    join(owner, b, "owner")
    with override_tenant(a):
        assert flags(owner) == ADMIN
    with override_tenant(b):
        assert flags(owner) == MEMBER


def test_a_suspended_member_and_a_role_that_is_gone_give_nothing(both):
    a, b = both
    user = new_user(**PLATFORM)
    join(user, a, "admin", state="suspended")
    join(user, b, "removed-from-settings")
    with override_tenant(a):
        assert flags(user) == NOBODY
    with override_tenant(b):
        assert flags(user) == MEMBER


def test_who_is_blocked_everywhere_is_in_every_tenant(both):
    user = new_user(is_active=False)
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        assert not fetched(user).is_active
        assert not fetched(user).has_perm("shop.view_book")


def test_the_membership_is_asked_for_once(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]), queries() as made:
        assert [flags(user), flags(user)] == [ADMIN, ADMIN]
    assert len(made) == 1


def test_an_object_that_was_never_saved_is_what_it_says(both):
    with override_tenant(both[0]):
        assert flags(User(is_staff=True)) == (True, True, False)
        assert User().is_active
    assert User.is_active.field.name == "is_active"


def test_one_that_a_token_makes_of_a_key_is_what_the_membership_says(both):
    user = new_user()
    with override_tenant(both[0]):
        assert flags(User(pk=user.pk, **PLATFORM)) == NOBODY


def test_a_copy_that_becomes_another_user_has_no_ones_membership(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        assert user.is_staff
        other = copy.copy(user)
        assert other.is_staff
        other.pk = None
        other.username = "copied"
        other.save()
        assert flags(other) == NOBODY


def test_what_is_pickled_asks_anew(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        assert flags(user) == ADMIN
        assert user.has_perm("shop.view_book")
        user.get_all_permissions()
        pickled = pickle.dumps(user)
        deep = copy.deepcopy(user)
        leave(user)
        assert flags(user) == ADMIN  # as Django's: until it is fetched again
        for again in (pickle.loads(pickled), deep):  # noqa: S301
            assert flags(again) == NOBODY
            assert again.get_all_permissions() == set()


def test_refreshed_from_the_database_it_asks_anew_and_keeps_what_is_stored(both):
    user = new_user(**PLATFORM)
    join(user, both[0])
    with override_tenant(both[0]):
        assert flags(user) == MEMBER
        leave(user)
        user.refresh_from_db()
        assert flags(user) == NOBODY
    assert flags(user) == ADMIN


def test_without_the_seam_a_refresh_would_store_what_holds_in_the_tenant(both):
    user = new_user(**PLATFORM)
    join(user, both[0])
    with override_tenant(both[0]), without_seam(Model, "refresh_from_db"):
        user.refresh_from_db()
    assert flags(user) == MEMBER


def test_a_part_that_is_refreshed_leaves_the_rest_alone(both):
    user = new_user(**PLATFORM)
    join(user, both[0])
    with override_tenant(both[0]):
        assert user.is_active
        with queries() as made:
            user.refresh_from_db(fields=["is_staff"])
            assert flags(user) == MEMBER
        assert len(made) == 1
    assert flags(user) == ADMIN


@pytest.mark.parametrize("load", [lambda q: q.only("pk"), lambda q: q.defer(*PLATFORM)])
def test_deferred_columns_are_loaded_as_stored(both, load):
    user = new_user(**PLATFORM)
    join(user, both[0], "member")
    with override_tenant(both[0]):
        found = load(User.objects.all()).get(pk=user.pk)
        assert flags(found) == MEMBER
        found.save()
    assert flags(found) == ADMIN
    assert stored(user) == ADMIN


def test_users_that_come_with_other_rows_are_too(both):
    from tenantry.users.models import Membership

    user = new_user(**PLATFORM)
    join(user, both[0])
    with override_tenant(both[1]):
        row = Membership.objects.select_related("user").get(user=user)
        assert flags(row.user) == NOBODY


def test_each_thread_sees_its_own_tenant(both):
    user = new_user()
    join(user, both[0], "admin")

    def seen(tenant):
        with override_tenant(tenant):
            return flags(user)

    threads = in_threads(lambda: seen(both[0]), lambda: seen(both[1]))
    assert threads == [ADMIN, NOBODY]


def test_an_event_loop_may_ask_too(both):
    user = new_user()
    join(user, both[0], "admin")

    async def seen():
        found = []
        for tenant in both:
            async with override_tenant(tenant):
                found.append(flags(user))
        return found

    assert run(seen()) == [ADMIN, NOBODY]


# What is stored stays.


def test_saving_leaves_what_is_stored_as_it_is(both):
    a, b = both
    user = new_user()
    join(user, a, "admin")
    with override_tenant(a):
        found = fetched(user)
        assert flags(found) == ADMIN
        found.first_name = "Ann"
        found.save()
        assert flags(found) == ADMIN
    with override_tenant(b):
        found.last_name = "Who"
        found.save()
    assert stored(user) == MEMBER
    assert fetched(user).get_full_name() == "Ann Who"


def test_without_the_seam_saving_would_make_the_tenants_admin_one_of_all(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        found = fetched(user)
        with (
            without_seam(Model, "_save_table"),
            without_seam(compiler.SQLUpdateCompiler, "as_sql"),
        ):
            found.save()
    assert stored(user) == ADMIN


def test_saving_does_not_undo_what_was_changed_meanwhile(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        found = fetched(user)
        with override_tenant(None):
            User.objects.filter(pk=user.pk).update(is_active=False)
        found.save()
    assert stored(user) == NOBODY


@pytest.mark.parametrize("name", ["is_active", "is_staff", "is_superuser"])
@pytest.mark.parametrize("fields", [None, True])
def test_a_change_in_a_tenant_is_refused_where_it_is_saved(both, name, fields):
    user = new_user()
    join(user, both[0], "member")
    with override_tenant(both[0]):
        found = fetched(user)
        setattr(found, name, not getattr(found, name))
        with pytest.raises(NotSupported, match=f"^{name} of a shared user"):
            found.save(update_fields=fields and [name])
        found.save(update_fields=["first_name"])
    with pytest.raises(NotSupported):
        found.save()
    assert stored(user) == MEMBER


def test_what_was_set_elsewhere_is_refused_in_a_tenant(both):
    user = new_user()
    user.is_superuser = True
    with override_tenant(both[0]), pytest.raises(NotSupported):
        user.save()
    user.save()
    assert stored(user) == (True, False, True)
    with override_tenant(both[0]):
        user.save()


def test_setting_what_was_read_changes_nothing(both):
    user = new_user()
    join(user, both[0], "admin", state="suspended")
    with override_tenant(both[0]):
        found = fetched(user)
        for name in flags_module.ANSWERS:
            setattr(found, name, getattr(found, name))
        found.save()
    found.save()
    assert stored(user) == MEMBER


def test_set_back_it_can_be_saved(both):
    user = new_user()
    with override_tenant(both[0]):
        user.is_staff = True
        user.is_staff = False
        user.save()
        user.is_staff = True
        user.refresh_from_db()
        user.save()
    assert stored(user) == MEMBER


CHANGES = [
    pytest.param(lambda u: User.objects.filter(pk=u.pk).update(is_staff=True), id="u"),
    pytest.param(lambda _: User.objects.update(is_active=False), id="all"),
    pytest.param(lambda u: User.objects.bulk_update([u], ["is_superuser"]), id="bulk"),
    pytest.param(
        lambda u: User.objects.update_or_create(
            pk=u.pk, defaults={"is_superuser": True}
        ),
        id="update_or_create",
    ),
    pytest.param(
        lambda u: User.objects.bulk_create(
            [User(username=u.username)],
            update_conflicts=True,
            unique_fields=["username"],
            update_fields=["is_active"],
        ),
        id="upsert",
    ),
    pytest.param(lambda _: proxy().objects.update(is_staff=True), id="proxy"),
    pytest.param(lambda _: User.objects.create_superuser("root"), id="superuser"),
    pytest.param(lambda _: User.objects.create(username="s", is_staff=True), id="new"),
    pytest.param(
        lambda _: User.objects.bulk_create([User(username="b", is_staff=True)]),
        id="bulk_create",
    ),
    pytest.param(
        lambda _: run(User.objects.acreate_superuser("aroot")), id="acreate_superuser"
    ),
    pytest.param(lambda u: u.groups.create(name="platform"), id="groups"),
    pytest.param(lambda u: u.user_permissions.set([1]), id="user_permissions"),
]


def proxy():
    from django.apps import apps

    try:
        return apps.get_model("shop", "Buyer")
    except LookupError:
        meta = type("Meta", (), {"proxy": True, "app_label": "shop"})
        return type("Buyer", (User,), {"Meta": meta, "__module__": __name__})


@pytest.mark.parametrize("change", CHANGES)
def test_no_way_leads_from_a_tenant_to_the_columns(both, change):
    user = new_user()
    join(user, both[0], "admin")
    before = everyone()
    with override_tenant(both[0]):
        found = fetched(user)
        assert found.is_superuser
        with pytest.raises(NotSupported, match="cannot be changed in a tenant"):
            change(found)
    assert everyone() == before


def everyone():
    """Return what is stored of all users."""
    columns = ("pk", *flags_module.ANSWERS, "groups", "user_permissions")
    with override_tenant(None):
        return sorted(User.objects.values_list(*columns))


def test_without_the_gate_an_update_would_make_staff_of_all_tenants(both):
    user = new_user()
    with (
        override_tenant(both[0]),
        without_seam(compiler.SQLUpdateCompiler, "as_sql"),
    ):
        User.objects.filter(pk=user.pk).update(is_staff=True)
    assert stored(user) == (True, True, False)
    user.delete()


def test_without_the_gate_a_group_would_be_given_on_the_shared_site(both):
    user = new_user()
    with override_tenant(both[0]), without_seam(compiler.SQLInsertCompiler, "as_sql"):
        user.groups.create(name="of the platform")
    with override_tenant(None):
        assert user.groups.get().name == "of the platform"
        user.groups.get().delete()


TAKING = [
    pytest.param(lambda u, _: u.groups.clear(), id="clear"),
    pytest.param(lambda u, _: u.groups.set([]), id="set"),
    pytest.param(lambda u, _: u.groups.remove(*u.groups.all()), id="remove"),
    pytest.param(lambda u, _: u.groups.get().user_set.clear(), id="reverse"),
    pytest.param(lambda u, _: u.user_permissions.clear(), id="permissions"),
    pytest.param(
        lambda u, other: u.groups.through.objects.filter(user=u).update(user=other),
        id="hand on",
    ),
]


@pytest.fixture
def platform(both):
    """A shared user with a group and a permission on the shared site."""
    found = new_user()
    found.groups.create(name="of the platform")
    found.user_permissions.add(Permission.objects.first())
    yield found
    Group.objects.filter(name="of the platform").delete()


@pytest.mark.parametrize("take", TAKING)
def test_no_tenant_takes_or_hands_on_what_holds_on_the_shared_site(
    both, platform, take
):
    before = everyone()
    with override_tenant(both[0]):
        other = new_user()
        with pytest.raises(NotSupported, match="cannot be changed in a tenant"):
            take(fetched(platform), other)
    other.delete()
    assert everyone() == before


def test_without_the_receiver_a_tenant_would_take_them(both, platform):
    through = User.groups.through
    assert m2m_changed.disconnect(sender=through, dispatch_uid=keep_grants)
    try:
        with override_tenant(both[0]):
            fetched(platform).groups.clear()
    finally:
        m2m_changed.connect(keep_grants, sender=through, dispatch_uid=keep_grants)
    assert not platform.groups.exists()


def test_the_shared_site_takes_them(platform):
    platform.groups.clear()
    platform.user_permissions.clear()
    assert not platform.groups.exists()


def test_a_user_who_is_deleted_takes_them_along(both, platform):
    with override_tenant(both[0]):
        fetched(platform).delete()
    assert not User.groups.through.objects.filter(user=platform.pk).exists()


def test_the_default_of_a_table_makes_nobody_staff():
    column = User._meta.get_field("is_staff")
    user = User(is_staff=DatabaseDefault(Value(value=False)))
    query = SimpleNamespace(fields=[column], objs=[user], on_conflict=None)
    account_seams._refuse_rows(query)
    user.is_staff = True
    with pytest.raises(NotSupported):
        account_seams._refuse_rows(query)


def test_without_the_gate_a_tenant_would_make_a_superuser_of_all(both):
    with override_tenant(both[0]), without_seam(compiler.SQLInsertCompiler, "as_sql"):
        root = User.objects.create_superuser("root")
    assert stored(root) == ADMIN
    root.delete()


def test_a_tenant_makes_accounts_that_are_no_staff(both):
    with override_tenant(both[0]):
        made = User.objects.create_user("new", password="pw")
        waiting = User(username="waiting")
        waiting.is_active = False
        waiting.save()
        several = User.objects.bulk_create([User(username="bulk", is_active=False)])
    assert stored(made) == MEMBER
    assert stored(waiting) == NOBODY
    with override_tenant(None):
        assert not User.objects.get(username=several[0].username).is_active
        User.objects.filter(username__in=["new", "waiting", "bulk"]).delete()


def test_other_columns_are_changed_as_ever(both):
    user = new_user()
    with override_tenant(both[0]):
        User.objects.filter(pk=user.pk).update(first_name="Ann")
        found = fetched(user)
        found.last_name = "Who"
        User.objects.bulk_update([found], ["last_name"])
    assert fetched(user).get_full_name() == "Ann Who"


# Forms, fixtures.


def test_a_form_shows_what_is_stored_and_refuses_to_change_it(both):
    user = new_user()
    join(user, both[0], "admin")
    form_class = modelform_factory(User, fields=["first_name", "is_staff"])
    with override_tenant(both[0]):
        found = fetched(user)
        assert form_class(instance=found).initial["is_staff"] is False
        form = form_class({"first_name": "Ann"}, instance=found)
        assert form.is_valid()
        form.save()
        leave(user)
        form = form_class({"is_staff": "on"}, instance=fetched(user))
        assert list(form.errors) == ["is_staff"]
    assert stored(user) == MEMBER
    assert fetched(user).first_name == "Ann"


def test_validation_neither_changes_nor_hides_a_change(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        found = fetched(user)
        found.full_clean()
        found.save()
        found.is_active = False
        with pytest.raises(ValidationError, match="cannot be changed in a tenant"):
            found.full_clean()
        with pytest.raises(NotSupported):
            found.save()
    assert stored(user) == MEMBER


def test_a_fixture_holds_what_is_stored(both):
    user = new_user()
    join(user, both[0], "admin")
    with override_tenant(both[0]):
        text = serializers.serialize("json", [fetched(user)])
    assert '"is_superuser": false' in text
    assert '"is_active": true' in text


def test_a_fixture_loaded_in_a_tenant_leaves_the_columns_as_they_are(both):
    user = new_user()
    text = serializers.serialize("json", [user])
    text = text.replace('"is_superuser": false', '"is_superuser": true')
    text = text.replace('"first_name": ""', '"first_name": "Ann"')
    with override_tenant(both[0]):
        for each in serializers.deserialize("json", text):
            each.save()
    assert stored(user) == MEMBER
    assert fetched(user).first_name == "Ann"
    user.delete()
    with override_tenant(both[0]):
        (each,) = serializers.deserialize("json", text)
        with pytest.raises(NotSupported):
            each.save()
