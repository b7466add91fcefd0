"""Tokens of one tenant are worthless in another and on the shared site."""

from contextlib import ExitStack, contextmanager

import pytest
from django.conf import LazySettings, settings
from django.contrib.auth.models import User
from django.contrib.auth.tokens import default_token_generator
from django.contrib.messages.storage.cookie import CookieStorage
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.backends.signed_cookies import (
    SessionStore as CookieSessionStore,
)
from django.core import signing
from django.core.signing import BadSignature, Signer, TimestampSigner
from django.http import HttpResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.test import Client, RequestFactory, override_settings
from django.utils.crypto import salted_hmac

from tenantry import override_tenant
from tenantry.scopes.signing import derive
from tests.customers.models import Domain
from tests.scopes.sandwich import Leaked, check
from tests.world import replaced, without_seam

AT_IMPORT = TimestampSigner(salt="made when the module was imported")
PLACES = (None, 0, 1)


@contextmanager
def without_scope():
    """Give the project's key to all for a block."""
    ours = type(settings)
    with ExitStack() as stack:
        stack.enter_context(without_seam(Signer, "__init__"))
        for name in ("load", "_get_session_key"):  # the scope of sessions has a mark
            stack.enter_context(without_seam(CookieSessionStore, name))
        for name in ("key", "fallback_keys"):
            seam = vars(Signer)[name]
            delattr(Signer, name)
            stack.callback(setattr, Signer, name, seam)
        object.__dict__["__class__"].__set__(settings, LazySettings)
        stack.callback(object.__dict__["__class__"].__set__, settings, ours)
        # What was made with the seam in place, as it would be without it.
        kept = dict(AT_IMPORT.__dict__)
        AT_IMPORT.__dict__.update(key=settings.SECRET_KEY, fallback_keys=[])
        stack.callback(AT_IMPORT.__dict__.update, kept)
        yield


def cookie_of(response, name):
    return response.cookies[name].value


def with_cookie(name, value):
    request = RequestFactory().get("/")
    request.COOKIES = {name: value}
    return request


def user():
    """Return the same user, to the last field, wherever it is asked for."""
    return User(pk=1, username="same", password="pbkdf2$same", email="a@example.com")


class Dumps:
    make = staticmethod(signing.dumps)
    read = staticmethod(signing.loads)


class Module:
    make = staticmethod(AT_IMPORT.sign)
    read = staticmethod(AT_IMPORT.unsign)


class PlainSigner:
    @staticmethod
    def make(value):
        return Signer().sign(value)

    @staticmethod
    def read(token):
        return Signer().unsign(token)


class SignedCookie:
    @staticmethod
    def make(value):
        response = HttpResponse()
        response.set_signed_cookie("seen", value, salt="x")
        return cookie_of(response, "seen")

    @staticmethod
    def read(token):
        return with_cookie("seen", token).get_signed_cookie("seen", salt="x")


class MessageCookie:
    @staticmethod
    def make(value):
        request, response = RequestFactory().get("/"), HttpResponse()
        storage = CookieStorage(request)
        storage.add(20, value)
        storage.update(response)
        return cookie_of(response, "messages")

    @staticmethod
    def read(token):
        found = list(CookieStorage(with_cookie("messages", token)))
        if not found:
            raise BadSignature
        return found[0].message


class SessionData:
    @staticmethod
    def make(value):
        return SessionStore().encode({"value": value})

    @staticmethod
    def read(token):
        found = SessionStore().decode(token)
        if not found:
            raise BadSignature
        return found["value"]


class SessionCookie:
    @staticmethod
    def make(value):
        store = CookieSessionStore()
        store["value"] = value
        return store._get_session_key()

    @staticmethod
    def read(token):
        found = CookieSessionStore(token).load()
        if not found:
            raise BadSignature
        return found["value"]


class OfAnApp:
    """As an app signs that reads the setting itself."""

    @staticmethod
    def make(value):
        made = salted_hmac("app", value, settings.SECRET_KEY, algorithm="sha256")
        return f"{value}|{made.hexdigest()}"

    @staticmethod
    def read(token):
        value, _, _ = token.partition("|")
        if OfAnApp.make(value) != token:
            raise BadSignature
        return value


KINDS = [
    Dumps,
    Module,
    PlainSigner,
    SignedCookie,
    MessageCookie,
    SessionData,
    SessionCookie,
    OfAnApp,
]
BY = "a key derived for the tenant"


def sandwich(kind, pair):
    """Make tokens in each place; each reads, of all there are, the last it accepts."""
    tokens = []

    def read():
        accepted = None
        for token in tokens:
            try:
                accepted = kind.read(token)
            except BadSignature:
                continue
        return accepted

    check(lambda value: tokens.append(kind.make(value)), read, *pair)


@pytest.mark.filterwarnings("ignore:.*signed cookie")
@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(k, marks=pytest.mark.service("Signing", k.__name__, by=BY))
        for k in KINDS
    ],
)
class TestTheSandwich:
    def test_each_place_accepts_its_own_tokens_only(self, pair, kind):
        sandwich(kind, pair)

    def test_without_the_scope_they_are_accepted_everywhere(self, pair, kind):
        with without_scope(), pytest.raises(Leaked):
            sandwich(kind, pair)


# --- attacks


def in_place(place, pair):
    return override_tenant(None if place is None else pair[place])


@pytest.mark.service("Signing", "password reset", by=BY)
@pytest.mark.parametrize("made", PLACES)
def test_a_password_reset_token_of_the_same_user_is_for_its_place_only(pair, made):
    with in_place(made, pair):
        token = default_token_generator.make_token(user())
    accepted = []
    for place in PLACES:
        with in_place(place, pair):
            if default_token_generator.check_token(user(), token):
                accepted.append(place)
    assert accepted == [made]
    with without_scope():
        token = default_token_generator.make_token(user())
        for place in PLACES:
            with in_place(place, pair):
                assert default_token_generator.check_token(user(), token)


@pytest.mark.service("Signing", "login in a session", by=BY)
def test_the_hash_by_which_a_session_knows_its_user_is_of_one_tenant(pair):
    def hashes():
        found = set()
        for place in PLACES:
            with in_place(place, pair):
                found.add(user().get_session_auth_hash())
        return found

    assert len(hashes()) == 3
    with without_scope():
        assert len(hashes()) == 1


def shared():
    """Return an override of settings with users and sessions shared by all tenants."""
    apps = ["shop", "contenttypes"]
    return override_settings(TENANTRY={**settings.TENANTRY, "TENANT_APPS": apps})


def test_a_user_shared_by_all_stays_logged_in_wherever_it_goes(pair):
    with shared():
        hashes, data = set(), SessionStore().encode({"value": 1})
        for place in PLACES:
            with in_place(place, pair):
                hashes.add(user().get_session_auth_hash())
                assert SessionStore().decode(data) == {"value": 1}
                # What else is signed is the tenant's all the same.
                assert signing.dumps(1, salt=str(place))
        assert len(hashes) == 1
        tokens = set()
        for place in PLACES:
            with in_place(place, pair):
                tokens.add(Signer().sign("x"))
        assert len(tokens) == 3


def test_without_its_seam_a_shared_user_would_be_logged_out(pair):
    from django.contrib.auth.base_user import AbstractBaseUser

    with shared(), without_seam(AbstractBaseUser, "get_session_auth_hash"):
        with in_place(0, pair):
            one = user().get_session_auth_hash()
        with in_place(None, pair):
            assert one != user().get_session_auth_hash()


def test_keys_rotate_in_each_tenant(pair):
    a, b = pair
    old = settings.SECRET_KEY
    with override_tenant(a):
        token, hashed = AT_IMPORT.sign("x"), user().get_session_auth_hash()
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=[old]):
        with override_tenant(a):
            assert AT_IMPORT.unsign(token) == "x"
            assert hashed in list(user().get_session_auth_fallback_hash())
        for other in (b, None):
            with override_tenant(other), pytest.raises(BadSignature):
                AT_IMPORT.unsign(token)
    with (
        override_settings(SECRET_KEY="new"),
        override_tenant(a),
        pytest.raises(BadSignature),
    ):
        AT_IMPORT.unsign(token)


def test_a_signer_keeps_the_key_that_it_was_given(pair):
    signer = Signer(key="of its own", fallback_keys=["another"])
    signed = signer.sign("x")
    with override_tenant(pair[0]):
        assert signer.unsign(signed) == "x"
        assert (signer.key, signer.fallback_keys) == ("of its own", ["another"])


def test_what_is_for_all_is_signed_with_no_tenant_active(pair):
    with override_tenant(pair[0]), override_tenant(None):
        token = signing.dumps("for all")
    with override_tenant(pair[1]):
        with pytest.raises(BadSignature):
            signing.loads(token)
        with override_tenant(None):
            assert signing.loads(token) == "for all"


def test_a_derived_key_is_of_its_tenant_and_tells_nothing_of_the_projects(pair):
    a, b = pair
    keys = {derive("secret", key) for key in ("a", "b", "a\0", "")}
    assert len(keys) == 4
    assert all(len(key) == 64 and "secret" not in key for key in keys)
    assert isinstance(derive(b"secret", "a"), bytes)
    project = settings.SECRET_KEY
    with override_tenant(a):
        mine = settings.SECRET_KEY
        with override_settings(SECRET_KEY="other"):
            assert derive("other", a.key) == settings.SECRET_KEY
    with override_tenant(b):
        assert len({mine, settings.SECRET_KEY, project}) == 3


def test_an_empty_key_is_refused_in_a_tenant_too(pair):
    from django.core.exceptions import ImproperlyConfigured

    with (
        override_settings(SECRET_KEY=""),
        override_tenant(pair[0]),
        pytest.raises(ImproperlyConfigured),
    ):
        _ = settings.SECRET_KEY


# --- forms across a tenant's own domains


@pytest.fixture(scope="module")
def domains(_pair):
    """Give each a second domain, both one to share by paths, and one some paths."""
    a, b = _pair
    made = [
        Domain.objects.create(tenant=a, host="second-a.example.net"),
        Domain.objects.create(tenant=b, host="second-b.example.net"),
        Domain.objects.create(tenant=a, host="both.example.net", path="/a"),
        Domain.objects.create(tenant=b, host="both.example.net", path="/b"),
        Domain.objects.create(tenant=a, host="some-paths.example.net", path="/a"),
    ]
    yield
    for each in made:
        each.delete()


TRUST = {"CSRF_TRUST_OWN_DOMAINS": True}


def status(tenant, *, trust=True, secure=False, **headers):
    """Post the login form of a tenant's admin from another page; return the status."""
    host = tenant.domains.get(is_primary=True).host
    trusted = {**settings.TENANTRY, **(TRUST if trust else {})}
    with override_settings(TENANTRY=trusted, ALLOWED_HOSTS=["*"]):
        client = Client(enforce_csrf_checks=True, headers={"host": host})
        client.get("/admin/login/", secure=secure)
        data = {"csrfmiddlewaretoken": client.cookies["csrftoken"].value}
        return client.post(
            "/admin/login/", data, secure=secure, headers=headers
        ).status_code


@pytest.mark.usefixtures("domains")
@pytest.mark.service("CSRF", "Origin and Referer", by="the catalog's domains")
class TestForms:
    OWN, OTHERS, BOTH = (
        "http://second-a.example.net",
        "http://second-b.example.net",
        "http://both.example.net",
    )

    def test_from_another_domain_of_ones_own_is_taken_where_the_project_asks(
        self, pair
    ):
        assert status(pair[0], origin=self.OWN) == 200
        assert status(pair[0], trust=False, origin=self.OWN) == 403

    def test_from_another_tenants_domain_is_never_taken(self, pair):
        a, b = pair
        assert status(a, origin=self.OTHERS) == 403
        assert status(b, origin=self.OWN) == 403
        assert status(b, origin=self.OTHERS) == 200
        assert status(a, origin=f"http://{b.domains.first().host}") == 403

    @pytest.mark.parametrize(
        "origin",
        [
            BOTH,
            "http://some-paths.example.net",
            "https://second-a.example.net",
            "http://second-a.example.net:8000",
            "http://second-a.example.net.evil.example",
            "http://second-a.example.net@evil.example",
            "null",
            "http://[",
            "http://example.com",
        ],
    )
    def test_from_where_others_may_be_too_is_not_taken(self, pair, origin):
        assert status(pair[0], origin=origin) == 403

    def test_by_referer_too(self, pair):
        a, _ = pair
        own = "https://second-a.example.net/form/"
        assert status(a, secure=True, referer=own) == 200
        assert status(a, trust=False, secure=True, referer=own) == 403
        others = "https://second-b.example.net/form/"
        assert status(a, secure=True, referer=others) == 403
        assert status(a, secure=True, referer=own.replace("https", "http")) == 403

    def test_without_the_guard_any_would_be_taken(self, pair):
        def verified(self, request):
            return True

        with replaced(CsrfViewMiddleware, "_origin_verified", verified):
            assert status(pair[0], origin=self.OTHERS) == 200
