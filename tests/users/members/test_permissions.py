"""The permissions of shared users: those of the membership in the active tenant."""

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.auth import backends
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.mixins import PermissionRequiredMixin
from django.contrib.auth.models import AnonymousUser, Group, Permission, User
from django.core.exceptions import PermissionDenied
from django.http import HttpResponse
from django.test import RequestFactory, override_settings
from django.views import View
from rest_framework.permissions import DjangoModelPermissions, IsAdminUser

from tenantry import override_tenant
from tenantry.users import flags as flags_module
from tests.shop.models import Book
from tests.users.members.standing import fetched, join, leave, new_user, queries
from tests.world import replaced, run, without_seam

VIEW, ADD, CHANGE = "shop.view_book", "shop.add_book", "shop.change_book"
ROLES = {
    "admin": {"STAFF": True, "SUPERUSER": True},
    "member": {},
    "staff": {"STAFF": True},
    "reader": {"PERMISSIONS": ["shop.view_*"]},
    "writer": {"PERMISSIONS": [ADD, CHANGE, "shop.no_such"]},
    "all-of-shop": {"PERMISSIONS": ["shop.*"]},
    "grouped": {"GROUPS": ["editors", "nowhere"]},
    "übersetzer": {"PERMISSIONS": [VIEW]},
}


@pytest.fixture(autouse=True)
def roles(settings):
    settings.TENANTRY = {**settings.TENANTRY, "ROLES": ROLES}


@pytest.fixture
def editors(both):
    group, _ = Group.objects.get_or_create(name="editors")
    group.permissions.set([permission(CHANGE)])
    yield group
    group.delete()


def permission(name):
    app_label, codename = name.split(".")
    with override_tenant(None):
        return Permission.objects.get(
            codename=codename, content_type__app_label=app_label
        )


def may(user):
    """Return which of the three the user may do, by each way to ask."""
    names = {VIEW, ADD, CHANGE}
    found = {name for name in names if user.has_perm(name)}
    assert found == names & user.get_all_permissions()
    assert found == {name for name in names if run(user.ahas_perm(name))}
    assert found == names & run(user.aget_all_permissions())
    shown = user.get_user_permissions() | user.get_group_permissions()
    assert found == names & shown
    assert user.has_perms(found)
    assert user.has_module_perms("shop") >= bool(found)
    assert run(user.ahas_module_perms("shop")) == user.has_module_perms("shop")
    return found


# Which they are.


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("admin", {VIEW, ADD, CHANGE}),
        ("member", set()),
        ("staff", set()),
        ("reader", {VIEW}),
        ("writer", {ADD, CHANGE}),
        ("all-of-shop", {VIEW, ADD, CHANGE}),
        ("grouped", {CHANGE}),
        ("nowhere", set()),
    ],
)
def test_roles_give_permissions_in_their_tenant(both, editors, *, role, expected):
    user = new_user()
    join(user, both[0], role)
    join(user, both[1], "member")
    with override_tenant(both[0]):
        assert may(fetched(user)) == expected
    with override_tenant(both[1]):
        assert may(fetched(user)) == set()
    assert may(fetched(user)) == set()


def test_the_membership_gives_groups_and_permissions_of_its_own(both, editors):
    user = new_user()
    row = join(user, both[0], "reader")
    row.permissions.add(permission(ADD))
    row.groups.add(editors)
    join(user, both[1])
    with override_tenant(both[0]):
        found = fetched(user)
        assert may(found) == {VIEW, ADD, CHANGE}
        assert found.get_group_permissions() == {CHANGE}
        assert {VIEW, ADD} <= found.get_user_permissions()
    with override_tenant(both[1]):
        assert may(fetched(user)) == set()


def test_a_suspended_member_has_none_of_them(both, editors):
    user = new_user()
    row = join(user, both[0], "admin", "all-of-shop", state="suspended")
    row.permissions.add(permission(ADD))
    with override_tenant(both[0]):
        assert may(fetched(user)) == set()
        assert not fetched(user).has_module_perms("shop")


def test_what_holds_on_the_shared_site_gives_nothing_in_a_tenant(both, editors):
    user = new_user()
    user.user_permissions.add(permission(ADD))
    user.groups.add(editors)
    join(user, both[0], "member")
    assert may(fetched(user)) == {ADD, CHANGE}
    with override_tenant(both[0]):
        assert may(fetched(user)) == set()


def test_without_the_seams_it_would(both, editors):
    user = new_user()
    user.user_permissions.add(permission(ADD))
    user.groups.add(editors)
    join(user, both[0], "member")
    with (
        override_tenant(both[0]),
        without_seam(backends.ModelBackend, "_get_user_permissions"),
        without_seam(backends.ModelBackend, "_get_group_permissions"),
    ):
        assert may(fetched(user)) == {ADD, CHANGE}


def test_one_object_has_in_each_tenant_its_permissions_there(both):
    user = new_user()
    user.user_permissions.add(permission(VIEW))
    join(user, both[0], "admin")
    join(user, both[1], "writer")
    found = []
    for place in (both[0], both[1], None, both[1], both[0]):
        with override_tenant(place):
            found.append(may(user))
    everything, some = {VIEW, ADD, CHANGE}, {ADD, CHANGE}
    assert found == [everything, some, {VIEW}, some, everything]


def test_without_caches_by_tenant_the_first_tenants_would_hold_in_the_other(both):
    user = new_user()
    join(user, both[0], "all-of-shop")
    join(user, both[1], "member")
    with replaced(
        flags_module.Cache, "_memory", lambda self, u: (u.__dict__, self.name)
    ):
        with override_tenant(both[0]):
            assert user.has_perm(ADD)
        with override_tenant(both[1]):
            assert user.has_perm(ADD)


def test_forgotten_as_django_says_they_are_asked_for_again(both):
    user = new_user()
    row = join(user, both[0], "member")
    with override_tenant(both[0]):
        assert may(user) == set()
        with override_tenant(None):
            row.permissions.add(permission(ADD))
        assert may(user) == set()
        for name in flags_module.CACHES:
            delattr(user, name)
            with pytest.raises(AttributeError):
                delattr(user, name)
        assert may(user) == {ADD}


def test_an_object_is_no_concern_of_djangos_backend(both):
    user = new_user()
    join(user, both[0], "all-of-shop")
    with override_tenant(both[0]):
        assert not user.has_perm(ADD, obj=Book())
        assert not AnonymousUser().has_perm(ADD)


class ThirdParty(backends.ModelBackend):
    """As allauth's: a subclass that knows nothing of tenants."""

    def _get_group_permissions(self, user_obj):
        return super()._get_group_permissions(user_obj)


@override_settings(
    AUTHENTICATION_BACKENDS=[f"{__name__}.ThirdParty"],
)
def test_subclasses_of_djangos_backend_are_covered(both, editors):
    user = new_user()
    user.groups.add(editors)
    join(user, both[0], "reader")
    with override_tenant(both[0]):
        assert may(fetched(user)) == {VIEW}


# Who has one.


def has(perm, **options):
    return set(User.objects.with_perm(perm, **options))


def test_with_perm_finds_members_and_nobody_else(both, editors):
    people = {role: new_user() for role in (*ROLES, "owner", "direct", "group")}
    for role, user in people.items():
        row = join(user, both[0], role, is_owner=role == "owner")
        if role == "direct":
            row.permissions.add(permission(CHANGE))
        if role == "group":
            row.groups.add(editors)
    stranger = new_user(is_superuser=True)
    stranger.user_permissions.add(permission(CHANGE))
    join(stranger, both[1], "admin")

    def names(users):
        return {role for role, user in people.items() if user in users}

    with override_tenant(both[0]):
        for perm in (VIEW, ADD, CHANGE, "shop.no_such", permission(CHANGE)):
            found = has(perm)
            name = perm if isinstance(perm, str) else CHANGE
            assert stranger not in found
            asked = {u for u in people.values() if fetched(u).has_perm(name)}
            assert names(found) == names(asked)
        assert names(has(CHANGE, include_superusers=False)) == {
            "writer",
            "all-of-shop",
            "grouped",
            "direct",
            "group",
        }
        assert has(CHANGE, obj=Book()) == set()
    assert has(CHANGE) == {stranger}


def test_with_perm_finds_the_inactive_of_the_tenant_only(both):
    suspended, blocked, active = new_user(), new_user(is_active=False), new_user()
    join(suspended, both[0], "reader", state="suspended")
    join(blocked, both[0], "reader")
    join(active, both[0], "reader")
    new_user(is_active=False).user_permissions.add(permission(VIEW))
    three = {suspended, blocked, active}
    with override_tenant(both[0]):
        assert has(VIEW, is_active=False) & three == {suspended, blocked}
        assert has(VIEW, is_active=False) <= has(VIEW, is_active=None)
        assert has(VIEW, is_active=None) & three == three
        assert has(VIEW) & three == {active}
    with override_tenant(both[1]):
        assert has(VIEW, is_active=None) & three == set()


def test_with_perm_refuses_what_is_no_permission(both):
    with override_tenant(both[0]):
        with pytest.raises(ValueError, match="form"):
            User.objects.with_perm("no-dot")
        with pytest.raises(TypeError):
            User.objects.with_perm(7)


def test_without_the_seam_with_perm_would_find_other_tenants_people(both):
    stranger = new_user()
    stranger.user_permissions.add(permission(VIEW))
    with (
        override_tenant(both[0]),
        without_seam(backends.ModelBackend, "with_perm"),
    ):
        assert stranger in has(VIEW)


# What asks for them.


def request_of(user, method="get"):
    request = getattr(RequestFactory(), method)("/")
    request.user = user
    return request


class Guarded(PermissionRequiredMixin, View):
    permission_required = VIEW
    raise_exception = True

    def get(self, _):
        return HttpResponse("in")


@permission_required(VIEW, raise_exception=True)
def guarded(_):
    return HttpResponse("in")


@pytest.mark.parametrize("view", [guarded, Guarded.as_view()])
def test_views_ask_for_the_tenants(both, view):
    user = new_user()
    join(user, both[0], "reader")
    with override_tenant(both[0]):
        assert view(request_of(fetched(user))).content == b"in"
    with override_tenant(both[1]), pytest.raises(PermissionDenied):
        view(request_of(fetched(user)))


def test_the_admin_opens_to_the_tenants_staff(both):
    user = new_user(is_staff=True)
    join(user, both[0], "staff")
    join(user, both[1], "member")
    site = AdminSite()

    def is_open(user):
        return site.has_permission(request_of(user))

    with override_tenant(both[0]):
        assert is_open(fetched(user))
    with override_tenant(both[1]):
        assert not is_open(fetched(user))
        leave(user)
        assert not is_open(fetched(user))
    assert is_open(fetched(user))


def test_rest_framework_asks_for_the_tenants(both):
    user = new_user(is_staff=True, is_superuser=True)
    join(user, both[0], "staff", "writer")
    join(user, both[1], "member")

    class Books:
        queryset = Book.objects.none()

    def answers():
        found = fetched(user)
        return (
            IsAdminUser().has_permission(request_of(found), None),
            DjangoModelPermissions().has_permission(request_of(found, "post"), Books()),
            DjangoModelPermissions().has_permission(
                request_of(found, "delete"), Books()
            ),
        )

    with override_tenant(both[0]):
        assert answers() == (True, True, False)
    with override_tenant(both[1]):
        assert answers() == (False, False, False)
    assert answers() == (True, True, True)


# What they cost.


def cost(user, asks):
    """Return the statements of loading the user as a request does, and of asking."""
    backend = backends.ModelBackend()
    with queries() as made:
        found = backend.get_user(user.pk)
        for each in asks:
            each(found)
    return len(made)


ASKED = {
    "nothing": [],
    "active": [lambda u: u.is_active],
    "one": [lambda u: u.has_perm(VIEW)],
    "many": [
        lambda u: u.has_perm(VIEW),
        lambda u: u.has_perm(ADD),
        lambda u: u.has_module_perms("shop"),
        lambda u: u.get_all_permissions(),
        lambda u: u.is_staff,
    ],
}


@pytest.mark.parametrize("asks", ASKED.values(), ids=ASKED)
@pytest.mark.parametrize("role", ["reader", "admin"])
def test_they_cost_no_more_than_djangos_own(both, asks, role):
    user = new_user(is_superuser=role == "admin")
    join(user, both[0], role)
    djangos = cost(user, asks)
    with override_tenant(both[0]):
        fetched(user).is_active  # noqa: B018  (the catalog knows the tenant, as in a request)
        cost(user, [])
        assert cost(user, asks) <= djangos


def test_nothing_is_asked_after_the_first(both):
    user = new_user()
    join(user, both[0], "reader")
    with override_tenant(both[0]):
        assert user.has_perm(VIEW)
        with queries() as made:
            assert user.has_perm(VIEW)
            assert not user.has_perm(ADD)
            assert user.has_module_perms("shop")
        assert made == []
