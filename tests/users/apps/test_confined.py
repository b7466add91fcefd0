"""Users of tenants: a credential of one tenant is worthless in another.

The apps of others are each tenant's own; the user ids, names of clients and passwords
are the same in both, so that nothing but the tenant tells them apart.
"""

import pytest

from tests.users.apps import browsing
from tests.users.apps.acts import PASSWORD
from tests.users.apps.browsing import client
from tests.world import ONE, replaced

pytestmark = pytest.mark.service(
    "Apps that sign people in",
    "users of tenants",
    by="tables of the tenant; its key, or its name in a claim",
)
ANN = {key: f"ann-of-{key}" for key in ("acme", "globex")}


def test_a_session_holds_in_its_tenant(confined):
    assert confined.call(session) == [ANN["acme"], ""]


def session():
    browser = browsing.signed_in("acme", ANN["acme"])
    other = client("globex")
    other.cookies = browser.cookies
    return browsing.who(browser), browsing.who(other)


def test_a_token_of_rest_framework_holds_in_its_tenant(confined):
    own, others, control = confined.call(drf_token)
    assert (own, others) == (ANN["acme"], 401)
    assert control == ANN["globex"]


def drf_token():
    """Present a token; then, as control, where the other tenant has such a row."""
    from rest_framework.authtoken.models import Token

    from tenantry import override_tenant

    facts = {"username": ANN["acme"], "password": PASSWORD}
    token = client("acme").post("/api/token/", facts).json()["token"]
    own, others = (browsing.known(key, "Token", token) for key in ("acme", "globex"))
    with override_tenant("globex"):
        Token.objects.create(key=token, user_id=ONE)
    return own, others, browsing.known("globex", "Token", token)


def test_a_jwt_holds_in_its_tenant(confined):
    found = confined.call(jwt)
    assert found["own"] == [ANN["acme"], 200, 200]
    assert found["others"] == [401, 401, 401]
    assert found["shared site"] == [401, 401, 401]
    assert found["of the shared site"] == [401, 401]
    assert found["control"] == [ANN["globex"], 200, 200]


def jwt():
    from django.contrib.auth.models import User
    from rest_framework_simplejwt.backends import TokenBackend
    from rest_framework_simplejwt.tokens import RefreshToken

    facts = {"username": ANN["acme"], "password": PASSWORD}
    given = client("acme").post("/jwt/", facts).json()
    found = {"own": presented("acme", given), "others": presented("globex", given)}
    found["shared site"] = presented(None, given)
    made = RefreshToken()
    made["user_id"] = str(ONE)
    assert User._meta.pk.name == "id"
    of_none = {"refresh": str(made), "access": str(made.access_token)}
    found["of the shared site"] = presented("globex", of_none)[:2]
    real = {name: TokenBackend.__dict__[name] for name in ("encode", "decode")}
    bare = {name: each._tenantry_original for name, each in real.items()}
    with (
        replaced(TokenBackend, "encode", bare["encode"]),
        replaced(TokenBackend, "decode", bare["decode"]),
    ):
        given = client("acme").post("/jwt/", facts).json()
        found["control"] = presented("globex", given)
    return found


def presented(key, given):
    """Return what the tenant says to the access token, to the refresh token, to both.

    The shared site has no users here: only the signature is asked about.
    """
    browser = client(key)
    access, refresh = given["access"], {"refresh": given["refresh"]}
    if key is None:
        verified = browser.post("/jwt/verify/", {"token": access}).status_code
        again = browser.post("/jwt/verify/", {"token": given["refresh"]}).status_code
        return verified, again, again
    refreshed = browser.post("/jwt/refresh/", refresh).status_code
    verified = browser.post("/jwt/verify/", {"token": access}).status_code
    return browsing.known(key, "JWT", access), refreshed, verified


def test_a_jwt_that_is_taken_back_is_so_in_its_tenant_only(confined):
    assert confined.call(blacklisted) == [200, 401, 200]


def blacklisted():
    """Both tenants' tokens have one `jti`; acme takes its own back."""
    from django.contrib.auth.models import User
    from rest_framework_simplejwt.tokens import RefreshToken

    from tenantry import override_tenant

    made = {}
    for key in ANN:
        with override_tenant(key):
            token = RefreshToken.for_user(User.objects.get(pk=ONE))
            token["jti"] = "same"
            made[key] = {"refresh": str(token)}
    answers = [client("acme").post("/jwt/blacklist/", made["acme"])]
    answers += [client(key).post("/jwt/refresh/", made[key]) for key in made]
    return [each.status_code for each in answers]


def test_a_jwt_of_allauth_holds_in_its_tenant(confined):
    assert confined.call(headless) == {
        "access": [ANN["acme"], 401],
        "refresh": [400, 200],
        "control": ANN["globex"],
    }


def headless():
    from allauth.headless.tokens.strategies.jwt import internal

    keys = ("acme", "globex")
    given = api_login("acme")
    found = {"access": [browsing.known(k, "Headless", given[0]) for k in keys]}
    found["refresh"] = [
        client(key)
        .post(
            "/_allauth/app/v1/tokens/refresh",
            {"refresh_token": given[1]},
            content_type="application/json",
        )
        .status_code
        for key in reversed(keys)
    ]
    create, decode = (
        getattr(internal, name)._tenantry_original
        for name in ("create_token", "decode_token")
    )
    with (
        replaced(internal, "create_token", create),
        replaced(internal, "decode_token", decode),
    ):
        found["control"] = browsing.known("globex", "Headless", api_login("acme")[0])
    return found


def api_login(key):
    """Return the access token and the refresh token that a script is given."""
    facts = {"username": ANN[key], "password": PASSWORD}
    url = "/_allauth/app/v1/auth/login"
    answer = client(key).post(url, facts, content_type="application/json")
    assert answer.status_code == 200, answer.content
    meta = answer.json()["meta"]
    return meta["access_token"], meta["refresh_token"]


def test_an_oauth_token_holds_in_its_tenant(confined):
    found = confined.call(oauth)
    assert found["code"] == [400, 200]
    assert found["access"] == [ANN["acme"], 401]
    assert found["id_token"] == [True, False]
    assert found["introspection"] == [True, False]
    assert found["refresh"] == [400, 200]
    assert found["control"] == ANN["globex"]


def oauth():
    """Present acme's codes and tokens to globex, then to acme itself."""
    from datetime import timedelta

    from django.utils import timezone
    from oauth2_provider.models import AccessToken

    from tenantry import override_tenant

    found = {}
    code = browsing.code_for(browsing.signed_in("acme", ANN["acme"]))
    refused, _ = browsing.tokens_for("globex", code)
    taken, given = browsing.tokens_for("acme", code)
    found["code"] = [refused, taken]
    access, keys = given["access_token"], ("acme", "globex")
    found["access"] = [browsing.known(key, "Bearer", access) for key in keys]
    found["id_token"] = [browsing.takes_id(key, given["id_token"]) for key in keys]
    own = {key: own_token(key) for key in keys}
    found["introspection"] = [
        browsing.introspected(key, own[key], access) for key in keys
    ]
    found["refresh"] = [
        browsing.refreshed(key, given["refresh_token"])[0] for key in reversed(keys)
    ]
    with override_tenant("globex"):
        AccessToken.objects.create(
            token=access,
            user_id=ONE,
            scope="read",
            expires=timezone.now() + timedelta(days=1),
        )
    found["control"] = browsing.known("globex", "Bearer", access)
    return found


def own_token(key):
    _, given = browsing.tokens_for(
        key, browsing.code_for(browsing.signed_in(key, ANN[key]))
    )
    return given["access_token"]


def test_a_permission_for_an_object_holds_in_its_tenant(confined):
    found = confined.call(guarded)
    assert found == {
        "acme": [True, ["book of acme"]],
        "globex": [False, []],
        "both": [["book of acme"], ["book of globex"]],
    }


def guarded():
    """Permit the user of acme to change book 1; ask for the same user and book."""
    from django.contrib.auth.models import User
    from guardian.shortcuts import assign_perm, get_objects_for_user

    from tenantry import override_tenant
    from tests.shop.models import Book

    found = {}
    for key in ANN:
        with override_tenant(key):
            user, book = User.objects.get(pk=ONE), Book.objects.get(pk=ONE)
            if key == "acme":
                assign_perm("shop.change_book", user, book)
            objects = get_objects_for_user(user, "shop.change_book")
            found[key] = [
                user.has_perm("shop.change_book", book),
                [each.title for each in objects],
            ]
    with override_tenant("globex"):
        assign_perm("shop.change_book", user, book)
    found["both"] = []
    for key in ANN:
        with override_tenant(key):
            user = User.objects.get(pk=ONE)
            objects = get_objects_for_user(user, "shop.change_book")
            found["both"].append([each.title for each in objects])
    return found


def test_control_guardian_keeps_one_tenants_content_types_for_all(confined):
    assert confined.call(without_types_by_place) == "WrongTenant"


def without_types_by_place():
    from functools import lru_cache

    from django.contrib.contenttypes.models import ContentType
    from guardian import shortcuts

    from tenantry.exceptions import WrongTenant

    @lru_cache(None)
    def by_name(app_label, codename):
        return ContentType.objects.get(
            app_label=app_label, permission__codename=codename
        )

    with replaced(shortcuts, "_get_ct_cached", by_name):
        try:
            return guarded()
        except WrongTenant as error:
            return type(error).__name__


@pytest.mark.parametrize("link", ["confirmation", "reset", "trust"])
def test_what_allauth_signs_holds_in_its_tenant(confined, link):
    own, others, control = confined.call(signed, link)
    assert (own, others) == (True, False)
    assert control is True


def signed(link):
    """Whether acme takes what it signed; globex; and globex with one key for all."""
    make, takes = SIGNED[link]
    found = [takes("globex", make("acme")), takes("acme", make("acme"))]
    with browsing.one_key_for_all():
        found.insert(0, takes("globex", make("acme")))
    return found[2], found[1], found[0]


def confirmation(key):
    from allauth.account.models import EmailAddress, EmailConfirmationHMAC

    from tenantry import override_tenant

    with override_tenant(key):
        EmailAddress.objects.update(verified=False)
        return EmailConfirmationHMAC(EmailAddress.objects.get(pk=ONE)).key


def confirms(key, said):
    from allauth.account.models import EmailAddress

    from tenantry import override_tenant

    with override_tenant(key):
        EmailAddress.objects.update(verified=False)
    client(key).post(f"/accounts/confirm-email/{said}/")
    with override_tenant(key):
        return EmailAddress.objects.get(pk=ONE).verified


def reset(key):
    """Return the link of the mail that the tenant's own page sends."""
    import re

    from django.contrib.auth.models import User
    from django.core import mail

    from tenantry import override_tenant

    for each in ANN:  # the link depends on it, and tests have signed in before
        with override_tenant(each):
            User.objects.update(last_login=None)
    client(key).post("/accounts/password/reset/", {"email": "ann@example.net"})
    return re.search(r"/accounts/password/reset/key/\S+", mail.outbox[-1].body)[0]


def resets(key, link):
    page = client(key).get(link, follow=True)
    return b'name="password1"' in page.content


def trust(key):
    """Return the cookie of a browser that the tenant need not ask for a code again."""
    from allauth.mfa.internal.flows import trust as flow
    from django.contrib.auth.models import User
    from django.http import HttpResponse
    from django.test import RequestFactory

    from tenantry import override_tenant

    response = HttpResponse()
    with override_tenant(key):
        user = User.objects.get(pk=ONE)
        flow.trust_browser(RequestFactory().get("/"), user, response)
    (cookie,) = response.cookies.values()
    return cookie.key, cookie.value


def trusts(key, cookie):
    from allauth.mfa.internal.flows import trust as flow
    from django.contrib.auth.models import User
    from django.test import RequestFactory

    from tenantry import override_tenant

    name, value = cookie
    request = RequestFactory().get("/")
    request.COOKIES[name] = value
    with override_tenant(key):
        return flow.is_trusted_browser(request, User.objects.get(pk=ONE))


SIGNED = {
    "confirmation": (confirmation, confirms),
    "reset": (reset, resets),
    "trust": (trust, trusts),
}


def test_a_code_for_signing_in_holds_in_its_tenant(confined):
    assert confined.call(login_code) == [ANN["acme"], ""]


def login_code():
    """Give the code of acme's mail, and the cookies that go with it, to both."""
    browser = client("acme")
    browser.post("/accounts/login/code/", {"email": "ann@example.net"})
    code = browsing.mailed_code()
    other = client("globex")
    other.cookies = browser.cookies.copy()
    other.post("/accounts/login/code/confirm/", {"code": code})
    browser.post("/accounts/login/code/confirm/", {"code": code})
    return browsing.who(browser), browsing.who(other)
