"""Shared users, and apps of tenants whose rows refer to them: each tenant has its own.

Ben is a member of both tenants, Ann of acme.
"""

import pytest

from tests.acceptance import sites
from tests.settings.arrangements import AUTH
from tests.users.apps import acts, browsing
from tests.users.apps.conftest import NEIGHBOURS, project
from tests.world import ONE, replaced

pytestmark = pytest.mark.service(
    "Apps that sign people in",
    "shared users, tables of tenants",
    by="the membership, and tables of the tenant",
)
KEYS = ("acme", "globex")
OWN = ["authtoken", "guardian", "oauth2_provider"]


# In databases of their own guardian cannot join its tables with those of users.
@pytest.fixture(scope="module", params=[sites.SCHEMA])
def mixed(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed") / "p"
    shared = [*AUTH, *(label for label in NEIGHBOURS if label not in OWN)]
    with project(
        request.param,
        folder,
        shared=shared,
        own=OWN,
        MORE_APPS=["tenantry.users"],
        ANONYMOUS_USER_NAME=None,
    ) as made:
        made.call(acts.fill_members, own=True)
        yield made


def test_a_permission_for_an_object_holds_in_its_tenant(mixed):
    assert mixed.call(guarded) == [[True, ["book of acme"]], [False, []]]


def guarded():
    """Permit Ben to change book 1 of acme; ask for book 1 of each."""
    from django.contrib.auth.models import User
    from guardian.shortcuts import assign_perm, get_objects_for_user

    from tenantry import override_tenant
    from tests.shop.models import Book

    found = []
    for key in KEYS:
        with override_tenant(key):
            ben, book = User.objects.get(username="ben"), Book.objects.get(pk=ONE)
            if key == "acme":
                assign_perm("shop.change_book", ben, book)
            objects = get_objects_for_user(ben, "shop.change_book")
            titles = [each.title for each in objects]
            found.append([ben.has_perm("shop.change_book", book), titles])
    return found


@pytest.mark.parametrize("keeper", ["user", "checker"])
def test_what_guardian_remembers_is_of_one_tenant(mixed, keeper):
    assert mixed.call(remembered, keeper) == [True, False, True]
    assert mixed.call(remembered, keeper, guarded=False) == [True, True, True]


def remembered(keeper, *, guarded=True):
    """Ask one object about book 1 of acme, of globex, and of acme again."""
    from django.contrib.auth.models import User
    from guardian.conf import settings
    from guardian.core import ObjectPermissionChecker
    from guardian.shortcuts import assign_perm

    from tenantry import override_tenant
    from tests.shop.models import Book

    name = "get_perms"
    seam = vars(ObjectPermissionChecker)[name]
    method = seam if guarded else seam._tenantry_original
    ben, found = User.objects.get(username="ben"), []
    checker = ObjectPermissionChecker(ben)
    with (
        replaced(ObjectPermissionChecker, name, method),
        replaced(settings, "AUTO_PREFETCH", keeper == "user"),
    ):
        for key in (*KEYS, "acme"):
            with override_tenant(key):
                book = Book.objects.get(pk=ONE)
                if key == "acme":
                    assign_perm("shop.change_book", ben, book)
                asked = checker if keeper == "checker" else ObjectPermissionChecker(ben)
                found.append(asked.has_perm("shop.change_book", book))
    return found


def test_tokens_hold_in_their_tenant_and_while_their_user_is_a_member(mixed):
    assert mixed.call(tokens) == {
        "oauth": ["ann", 401],
        "drf": ["ann", 401],
        "bens": ["ben", 401],
        "ann has left": [401, 401],
    }


def tokens():
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    from tenantry import override_tenant

    given, made = {}, {}
    for name in ("ann", "ben"):
        code = browsing.code_for(browsing.signed_in("acme", name))
        given[name] = browsing.tokens_for("acme", code)[1]["access_token"]
        with override_tenant("acme"):
            made[name] = Token.objects.create(user=User.objects.get(username=name)).key
    found = {
        "oauth": [browsing.known(key, "Bearer", given["ann"]) for key in KEYS],
        "drf": [browsing.known(key, "Token", made["ann"]) for key in KEYS],
        "bens": [browsing.known(key, "Token", made["ben"]) for key in KEYS],
    }
    acts.leave("ann", "acme")
    found["ann has left"] = [
        browsing.known("acme", "Bearer", given["ann"]),
        browsing.known("acme", "Token", made["ann"]),
    ]
    acts.join("ann", "acme")
    return found
