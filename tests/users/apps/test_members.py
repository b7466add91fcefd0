"""Shared users: a credential holds in the tenants that its user is a member of.

The apps of others are shared. Ann is a member of acme, Ben of acme and globex.
"""

import pytest

from tests.users.apps import acts, browsing
from tests.users.apps.acts import PASSWORD, PEOPLE
from tests.users.apps.browsing import client
from tests.world import ONE, replaced

pytestmark = pytest.mark.service(
    "Apps that sign people in",
    "shared users",
    by="the membership; the tenant's name in a claim",
)
KEYS = ("acme", "globex")
PROVIDERS = "SOCIALACCOUNT_PROVIDERS"


def test_a_session_holds_where_it_was_made_and_while_its_user_is_a_member(members):
    assert members.call(sessions) == ["ben", "", "", "ben"]


def sessions():
    """Sign in at acme; take the cookie to globex; leave acme, and join it again."""
    browser = browsing.signed_in("acme", "ben")
    kept = browser.cookies.copy()
    other = client("globex")
    other.cookies = kept
    found = [browsing.who(browser), browsing.who(other)]
    acts.leave("ben", "acme")
    found.append(browsing.who(browser))
    acts.join("ben", "acme")
    return [*found, browsing.who(browser)]


def test_the_form_of_allauth_signs_members_in(members):
    assert members.call(forms) == ["ann", "", "ben", "ben"]


def forms():
    found = []
    for name in PEOPLE:
        for key in KEYS:
            browser = client(key)
            browser.post("/accounts/login/", {"login": name, "password": PASSWORD})
            found.append(browsing.who(browser))
    return found


def test_who_signs_up_at_a_tenant_is_no_member(members):
    assert members.call(signed_up) == [True, "", 401]


def signed_up():
    """Whether there is an account; who the browser is; what a token for it says."""
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    facts = {"username": "eve", "email": "eve@example.net", "password1": PASSWORD}
    browser = client("acme")
    browser.post("/accounts/signup/", facts)
    eve = User.objects.filter(username="eve").first()
    found = [eve is not None, browsing.who(browser)]
    token = Token.objects.create(user=eve).key
    found.append(browsing.known("acme", "Token", token))
    eve.delete()
    return found


def test_a_token_of_rest_framework_holds_where_its_user_is_a_member(members):
    assert members.call(drf_tokens) == [["ann", 401], ["ben", "ben"]]


def drf_tokens():
    from django.contrib.auth.models import User
    from rest_framework.authtoken.models import Token

    found = []
    for name in PEOPLE:
        user = User.objects.get(username=name)
        token = Token.objects.get_or_create(user=user)[0].key
        found.append([browsing.known(key, "Token", token) for key in KEYS])
    return found


def test_a_jwt_holds_where_it_was_issued_and_while_its_user_is_a_member(members):
    found = members.call(jwts)
    assert found["ann"] == [["ann", 200], [401, 401]]
    assert found["ben"] == [["ben", 200], [401, 401]]
    assert found["ann has left"] == [401, 401]


def jwts():
    found = {}
    for name in PEOPLE:
        facts = {"username": name, "password": PASSWORD}
        given = client("acme").post("/jwt/", facts).json()
        found[name] = [presented(key, given) for key in KEYS]
        if name == "ann":
            kept = given
    acts.leave("ann", "acme")
    found["ann has left"] = presented("acme", kept)
    acts.join("ann", "acme")
    return found


def presented(key, given):
    refreshed = client(key).post("/jwt/refresh/", {"refresh": given["refresh"]})
    return browsing.known(key, "JWT", given["access"]), refreshed.status_code


def test_an_oauth_token_holds_where_its_user_is_a_member(members):
    found = members.call(oauth, "ann")
    assert found["access"] == ["ann", 401]
    assert found["id_token"] == [True, False]
    assert found["introspection"] == [True, False]
    assert found["code"] == 400
    assert found["refresh"] == [400, 200]
    assert members.call(oauth, "ben") == {
        "access": ["ben", "ben"],
        "id_token": [True, True],
        "introspection": [True, True],
        "code": 200,
        "refresh": [200, 200],
    }


def oauth(name):
    """Let the partner have a token from acme; present it, and codes, to both."""
    found = {}
    _, given = browsing.tokens_for(
        "acme", browsing.code_for(browsing.signed_in("acme", name))
    )
    access = given["access_token"]
    bens = {key: bens_token(key) for key in KEYS}
    found["access"] = [browsing.known(key, "Bearer", access) for key in KEYS]
    found["id_token"] = [browsing.takes_id(key, given["id_token"]) for key in KEYS]
    found["introspection"] = [
        browsing.introspected(key, bens[key], access) for key in KEYS
    ]
    code = browsing.code_for(browsing.signed_in("acme", name))
    found["code"] = browsing.tokens_for("globex", code)[0]
    found["refresh"] = []
    for key in reversed(KEYS):
        status, answer = browsing.refreshed(key, given["refresh_token"])
        found["refresh"].append(status)
        given = {**given, **answer} if status == 200 else given
    return found


def bens_token(key):
    browser = browsing.signed_in(key, "ben")
    return browsing.tokens_for(key, browsing.code_for(browser))[1]["access_token"]


def test_an_oauth_token_ends_with_the_membership(members):
    assert members.call(removed) == ["ann", 401, "ann"]


def removed():
    browser = browsing.signed_in("acme", "ann")
    _, given = browsing.tokens_for("acme", browsing.code_for(browser))
    found = [browsing.known("acme", "Bearer", given["access_token"])]
    acts.leave("ann", "acme")
    found.append(browsing.known("acme", "Bearer", given["access_token"]))
    acts.join("ann", "acme")
    return [*found, browsing.known("acme", "Bearer", given["access_token"])]


def test_an_applications_own_token_holds_where_its_owner_is_a_member(members):
    assert members.call(clients_token, None) == [False, False]
    assert members.call(clients_token, "ann") == [True, False]
    assert members.call(clients_token, "ben") == [True, True]


def clients_token(owner):
    """Whether each tenant takes a token that is of no user, of an application."""
    from datetime import timedelta

    from django.contrib.auth.models import User
    from django.utils import timezone
    from oauth2_provider.models import AccessToken, Application

    user = None if owner is None else User.objects.get(username=owner)
    Application.objects.update(user=user)
    token, _ = AccessToken.objects.update_or_create(
        token="of-a-machine",
        defaults={
            "application_id": ONE,
            "scope": "read introspection",
            "expires": timezone.now() + timedelta(days=1),
        },
    )
    found = [
        client(key)
        .get("/o/introspect/", headers={"authorization": f"Bearer {token.token}"})
        .status_code
        != 403
        for key in KEYS
    ]
    Application.objects.update(user=None)
    return found


def test_control_the_toolkit_itself_does_not_ask_who_is_active(members):
    assert members.call(without_asking) == ["ann", "ann"]


def without_asking():
    from oauth2_provider.models import AbstractAccessToken
    from oauth2_provider.oauth2_validators import OAuth2Validator

    browser = browsing.signed_in("acme", "ann")
    _, given = browsing.tokens_for("acme", browsing.code_for(browser))
    access = given["access_token"]
    bearer = OAuth2Validator.validate_bearer_token._tenantry_original
    valid = AbstractAccessToken.is_valid._tenantry_original
    with (
        replaced(OAuth2Validator, "validate_bearer_token", bearer),
        replaced(AbstractAccessToken, "is_valid", valid),
    ):
        return [browsing.known(key, "Bearer", access) for key in KEYS]


@pytest.mark.parametrize(
    "way", ["assign_perm", "save", "bulk_create", "bulk_update", "update", "expression"]
)
def test_a_shared_permission_cannot_be_of_a_tenants_object(members, way):
    said = members.call(pointed, way)
    assert "guardian.UserObjectPermission is shared" in said
    if way != "expression":
        assert "shop.book" in said
        assert "TENANT_APPS" in said


def pointed(way):
    """Try to write that Ann may change acme's book 1; return the error."""
    from django.contrib.auth.models import User
    from django.contrib.contenttypes.models import ContentType
    from django.db.models import F
    from guardian.models import UserObjectPermission
    from guardian.shortcuts import assign_perm

    from tenantry import override_tenant
    from tenantry.exceptions import NotSupported
    from tests.geo.models import Country
    from tests.shop.models import Book

    country = Country.objects.get_or_create(pk=ONE, defaults={"name": "Land"})[0]
    with override_tenant("acme"):
        ann, book = User.objects.get(username="ann"), Book.objects.get(pk=ONE)
        of_books = ContentType.objects.get_for_model(Book)
        kept = assign_perm("geo.change_country", ann, country)
        row = UserObjectPermission(
            permission=change_book(), user=ann, content_type=of_books, object_pk="1"
        )
        kept.content_type_id = of_books.pk
        rows = UserObjectPermission.objects
        ways = {
            "assign_perm": lambda: assign_perm("shop.change_book", ann, book),
            "save": row.save_base,
            "bulk_create": lambda: rows.bulk_create([row]),
            "bulk_update": lambda: rows.bulk_update([kept], ["content_type"]),
            "update": lambda: rows.update(content_type=of_books),
            "expression": lambda: rows.update(content_type=F("permission_id")),
        }
        try:
            ways[way]()
        except NotSupported as error:
            return str(error)


def change_book():
    from django.contrib.auth.models import Permission

    return Permission.objects.get(codename="change_book")


def test_a_shared_permission_of_a_shared_object_holds(members):
    assert members.call(of_shared) == [True, True, False]


def of_shared():
    from django.contrib.auth.models import User
    from guardian.shortcuts import assign_perm

    from tenantry import override_tenant
    from tests.geo.models import Country

    country = Country.objects.get_or_create(pk=ONE, defaults={"name": "Land"})[0]
    found = []
    for key, name in (("acme", "ann"), ("globex", "ben"), ("globex", "ann")):
        with override_tenant(key):
            user = User.objects.get(username=name)
            assign_perm("geo.change_country", user, country)
            found.append(user.has_perm("geo.change_country", country))
    return found


def test_control_unrefused_it_would_hold_for_the_others_book_and_is_found(members):
    found = members.call(left_from_before)
    assert found == [True, True]
    said = members.manage("check", "--database", "default").ok()
    assert "W102" in said.err
    assert "point at shop.book" in said.err
    members.call(cleared)
    assert "W102" not in members.manage("check", "--database", "default").ok().err


def left_from_before():
    """Write for acme's book as without the guard; ask for the book of each."""
    from django.contrib.auth.models import User
    from guardian.shortcuts import assign_perm

    from tenantry import override_tenant, pointers
    from tests.shop.models import Book

    with (
        override_tenant("acme"),
        replaced(pointers, "require_target", lambda _: None),
    ):
        ben = User.objects.get(username="ben")
        assign_perm("shop.change_book", ben, Book.objects.get(pk=ONE))
    found = []
    for key in KEYS:
        with override_tenant(key):
            ben = User.objects.get(username="ben")
            found.append(ben.has_perm("shop.change_book", Book.objects.get(pk=ONE)))
    return found


def cleared():
    from guardian.models import UserObjectPermission

    UserObjectPermission.objects.all().delete()


def test_the_admins_log_of_a_tenant_refers_to_shared_users(members):
    assert members.call(logged) == {"acme": [["ben", "new tag"]], "globex": []}


def logged():
    """Let Ben, who owns acme, add a tag by its admin; read the log of both."""
    from django.contrib.admin.models import LogEntry

    from tenantry import override_tenant
    from tenantry.users.models import Membership

    acmes = Membership.objects.filter(user__username="ben", tenant__key="acme")
    acmes.update(is_owner=True)
    browser = browsing.signed_in("acme", "ben")
    added = browser.post("/admin/shop/tag/add/", {"name": "new tag"})
    assert added.status_code == 302
    found = {}
    for key in KEYS:
        with override_tenant(key):
            entries = LogEntry.objects.all()
            found[key] = [[e.user.username, e.object_repr] for e in entries]
    acmes.update(is_owner=False)
    return found


def test_a_tenant_names_no_provider_that_signs_in_shared_users(members):
    assert members.call(told, {}) == []
    assert members.call(told, {"SETTINGS": {PROVIDERS: {"DEFAULT": {}}}}) == ["E103"]
    own = ["socialaccount", "admin", "shop"]
    assert members.call(told, {"TENANT_APPS": own}) == ["E103"]


def told(changes):
    """Return the ids of the checks of sign-on, with other options of TENANTRY."""
    from django.conf import settings
    from django.test import override_settings

    from tenantry import neighbour_checks

    with override_settings(TENANTRY={**settings.TENANTRY, **changes}):
        return [problem.id for problem in neighbour_checks.of_sign_on()]
