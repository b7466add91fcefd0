"""A login is handed over to one tenant, once, and leads nowhere else."""

import copy
from datetime import timedelta
from unittest import mock
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.core.signing import dumps
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from tenantry import override_tenant
from tenantry.exceptions import (
    NotSupported,
    TenantNotFound,
    TenantUnavailable,
    WrongTenant,
)
from tenantry.models import State, UsedToken
from tenantry.scopes import handover
from tenantry.scopes.handover import hand_over, use_once
from tests.world import in_threads, new_key, replaced

pytestmark = pytest.mark.service(
    "Login handed over", "shared site to tenant", by="a signed token, used once"
)
AT_ONCE = 50
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def shared(world):
    """A user of the shared site, with the name of one in each tenant."""
    user = User.objects.create_user("same", email="shared@example.com")
    yield user
    remove(user)
    UsedToken.objects.all().delete()


@pytest.fixture
def own_users(world):
    """Tenants have users of their own, found by name."""
    with override_settings(ROOT_URLCONF="tests.scopes.handover_urls"):
        yield


@pytest.fixture
def shared_users(world):
    """Users and sessions are shared: the tenants have none."""
    changed = copy.deepcopy(settings.TENANTRY)
    for app in ("auth", "sessions", "contenttypes", "admin"):
        changed["TENANT_APPS"].remove(app)
    changed["SHARED_APPS"].append("admin")
    urls = "tests.scopes.handover_shared_urls"
    with override_settings(ROOT_URLCONF=urls, TENANTRY=changed):
        yield


def remove(user):
    """Delete the row alone: the log of the shared admin has no table in the tests."""
    User.objects.filter(pk=user.pk)._raw_delete("default")


def follow(url, client=None, *, at=None):
    """Open the URL as a browser does, at its own host or another tenant's."""
    parts = urlsplit(url)
    host = parts.hostname if at is None else f"{at.key}.example.org"
    headers = {"host": host}
    return (client or Client()).get(f"{parts.path}?{parts.query}", headers=headers)


def whoami(tenant, client):
    headers = {"host": f"{tenant.key}.example.org"}
    return client.get("/whoami/", headers=headers).content.decode()


def test_a_shared_user_enters_a_tenant_and_only_that(shared, shared_users, world):
    browser = Client()
    answer = follow(hand_over(shared, world.a, next="/form/?x=1#y"), browser)
    assert answer.status_code == 302
    assert answer["Location"] == "/form/?x=1#y"
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]
    assert whoami(world.a, browser) == "same"
    assert whoami(world.b, browser) == "nobody"


def test_a_tenants_own_user_enters_for_a_shared_one(shared, own_users, world):
    browser = Client()
    assert follow(hand_over(shared, world.a), browser).status_code == 302
    assert whoami(world.a, browser) == "same"
    with override_tenant(world.a):
        assert User.objects.get(username="same").last_login is not None
    shared.refresh_from_db()
    assert shared.last_login is None


def test_the_request_of_the_shared_site_says_who_it_is(shared, shared_users, world):
    client = Client()
    client.force_login(shared)
    request = RequestFactory().get("/", headers={"host": "example.com"})
    request.user, request.session = shared, client.session
    browser = Client()
    assert follow(hand_over(request, world.b), browser).status_code == 302
    assert whoami(world.b, browser) == "same"


def test_a_token_is_good_once(shared, shared_users, world):
    url = hand_over(shared, world.a)
    assert follow(url).status_code == 302
    assert follow(url).status_code == 403


def test_control_without_the_record_it_is_good_again(shared, shared_users, world):
    url = hand_over(shared, world.a)
    with replaced(handover, "use_once", lambda *_args, **_kwargs: True):
        assert follow(url).status_code == 302
        assert follow(url).status_code == 302


def test_of_fifty_who_use_it_at_once_one_wins(shared, shared_users, world):
    url = hand_over(shared, world.a)
    statuses = in_threads(*[lambda: follow(url).status_code] * AT_ONCE)
    assert sorted(statuses) == [302] + [403] * (AT_ONCE - 1)


def test_another_tenant_refuses_it_and_does_not_use_it_up(shared, shared_users, world):
    url = hand_over(shared, world.a)
    browser = Client()
    assert follow(url, browser, at=world.b).status_code == 403
    assert whoami(world.b, browser) == "nobody"
    assert follow(url).status_code == 302


def test_after_a_minute_it_is_too_old(shared, shared_users, world):
    import time

    url = hand_over(shared, world.a)
    for seconds, status in ((61, 403), (59, 302)):
        now = time.time() + seconds
        with mock.patch("django.core.signing.time.time", lambda now=now: now):
            assert follow(url).status_code == status


def at_tenant(url, **kwargs):
    """Call the tenant's view as a URLconf would that knows the browser by a state."""
    from tenantry.scopes.handover import receive

    token = parse_qs(urlsplit(url).query)["token"][0]
    host = urlsplit(url).hostname
    request = RequestFactory().get("/", {"token": token}, headers={"host": host})
    request.session = Client().session
    return receive(request, **kwargs).status_code


def test_a_link_with_a_state_is_for_the_browser_that_has_it(
    shared, shared_users, world
):
    with override_tenant(world.a):
        url = hand_over(shared, world.a, state="known")
        assert at_tenant(url, state="known") == 302
        for wrong in ({}, {"state": "other"}):
            url = hand_over(shared, world.a, state="known")
            with pytest.raises(PermissionDenied):
                at_tenant(url, **wrong)
            with pytest.raises(PermissionDenied):  # and it is used up
                at_tenant(url, state="known")


def test_a_view_that_knows_browsers_takes_no_link_without_a_state(
    shared, shared_users, world
):
    url = hand_over(shared, world.a)
    with override_tenant(world.a), pytest.raises(PermissionDenied):
        at_tenant(url, state="known")


def test_a_link_is_for_the_host_that_it_was_made_for(shared, shared_users, world):
    at = f"http://{world.a.key}.example.org/enter/"
    url = hand_over(shared, world.a, at=at)
    assert url.startswith(f"{at}?token=")
    with mock.patch("django.http.HttpRequest.get_host", return_value="other.example"):
        assert follow(url).status_code == 403
    assert follow(url).status_code == 302


def tampered(token):
    value, stamp, signature = token.split(":")
    yield ""
    yield "x"
    yield "é:é:é"
    yield value
    yield f"{value}x:{stamp}:{signature}"
    yield f"{value}:{stamp}x:{signature}"
    yield f"{value}:{stamp}:{signature[:-1]}"
    yield dumps({"tenant": "x"}, salt=handover.SALT, key="another key")
    yield dumps({"tenant": "x"})


def test_what_was_tampered_with_is_refused(shared, shared_users, world):
    url = hand_over(shared, world.a)
    token = parse_qs(urlsplit(url).query)["token"][0]
    host = {"host": f"{world.a.key}.example.org"}
    for wrong in tampered(token):
        answer = Client().get("/enter/", {"token": wrong}, headers=host)
        assert answer.status_code == 403, wrong
    assert Client().get("/enter/", headers=host).status_code == 403
    for method in ("post", "head", "put"):
        answer = getattr(Client(), method)(f"/enter/?token={token}", headers=host)
        assert answer.status_code == 405, method
    assert follow(url).status_code == 302


def test_a_rotated_secret_key_still_opens_it(shared, shared_users, world):
    url = hand_over(shared, world.a)
    with override_settings(SECRET_KEY="new", SECRET_KEY_FALLBACKS=["tests"]):
        assert follow(url).status_code == 302


def test_who_is_not_let_in(shared, shared_users, world):
    url = hand_over(shared, world.a)
    User.objects.filter(pk=shared.pk).update(is_active=False)
    assert follow(url).status_code == 403
    User.objects.filter(pk=shared.pk).update(is_active=True)
    url = hand_over(shared, world.a)
    with override_settings(AUTHENTICATION_BACKENDS=[]):
        assert follow(url).status_code == 403
    url = hand_over(shared, world.a)
    remove(shared)
    assert follow(url).status_code == 403


@pytest.mark.usefixtures("shared_users")
def test_the_log_says_why_and_the_visitor_is_not_told(shared, world, caplog):
    used, of_b, old = (hand_over(shared, each) for each in (world.a, world.b, world.a))
    own = {"host": f"{world.a.key}.example.org"}

    def visit(url, *, late=timedelta()):
        caplog.clear()
        token = parse_qs(urlsplit(url).query).get("token", [""])
        with mock.patch("time.time", return_value=(timezone.now() + late).timestamp()):
            answer = Client().get("/enter/", {"token": token[0]}, headers=own)
        said = [each.getMessage() for each in caplog.records if "handed" in each.msg]
        return answer.status_code, said, answer.content

    assert follow(used).status_code == 302
    answers = [
        visit(used),
        visit(of_b),
        visit(old, late=timedelta(minutes=2)),
        visit("/enter/"),
    ]
    expected = [
        "the link was used before",
        f"the link is for {world.b.key!r}",
        "the link is too old",
        "the token is missing, or not ours",
    ]
    for (status, said, content), reason in zip(answers, expected, strict=True):
        assert (status, content) == (403, answers[0][2])
        prefix = f"A login handed over to {world.a.key!r} was refused: "
        assert said == [f"{prefix}{reason}."]


def test_a_shared_user_whom_the_tenant_does_not_know_is_refused(own_users, world):
    stranger = User.objects.create_user("stranger")
    try:
        assert follow(hand_over(stranger, world.a)).status_code == 403
    finally:
        remove(stranger)


@pytest.mark.parametrize(
    ("wanted", "followed"),
    [
        ("/admin/", "/admin/"),
        ("/a/./b", "/a/./b"),
        ("/a..b/", "/a..b/"),
        ("", "/"),
        ("admin/", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("///evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("/\t/evil.example", "/"),
        ("/a/../b", "/"),
        ("/a/%2e%2e/b", "/"),
        ("/a/%2E./b", "/"),
        ("/a\\..\\b", "/"),
        ("//[", "/"),
    ],
)
def test_what_follows_stays_within_the_tenant(  # noqa: PLR0917
    wanted, followed, shared, shared_users, world
):
    assert follow(hand_over(shared, world.a, next=wanted))["Location"] == followed


@pytest.mark.parametrize(
    ("wanted", "followed"),
    [
        ("/form/", "/t/{slug}/form/"),
        ("/t/{slug}/form/", "/t/{slug}/form/"),
        ("/t/other/form/", "/t/{slug}/t/other/form/"),
        ("/t/{slug}/../other/", "/t/{slug}/"),
        ("//evil.example", "/t/{slug}/"),
    ],
)
def test_what_follows_stays_within_the_tenants_prefix(  # noqa: PLR0917
    wanted, followed, shared, shared_users, world
):
    path = {
        "BACKEND": "tenantry.routing.PathResolver",
        "OPTIONS": {"PREFIX": "/t/"},
    }
    tenantry = {**settings.TENANTRY, "RESOLVERS": [path]}
    slug = world.a.slug
    with override_settings(TENANTRY=tenantry):
        url = hand_over(shared, world.a, next=wanted.format(slug=slug))
        assert urlsplit(url).hostname == "example.com"
        assert follow(url)["Location"] == followed.format(slug=slug)


# --- Before there is a token


def test_only_who_is_logged_in_is_handed_over(shared, own_users, world):
    with pytest.raises(PermissionDenied):
        hand_over(AnonymousUser(), world.a)
    with pytest.raises(PermissionDenied):
        hand_over(User(username="never saved"), world.a)
    shared.is_active = False
    with pytest.raises(PermissionDenied):
        hand_over(shared, world.a)


def test_a_tenants_own_user_is_not_handed_over(own_users, world):
    with override_tenant(world.a), pytest.raises(NotSupported, match="shared users"):
        hand_over(world.of_a.user, world.b)
    with pytest.raises(WrongTenant):
        hand_over(world.of_a.user, world.b)


def test_a_tenant_that_cannot_be_entered_is_named(shared, own_users, world):
    from tests.customers.models import Tenant

    with pytest.raises(TenantNotFound):
        hand_over(shared, "nobody")
    Tenant.objects.filter(pk=world.a.pk).update(state=State.SUSPENDED)
    try:
        with pytest.raises(TenantUnavailable):
            hand_over(shared, world.a.key)
    finally:
        Tenant.objects.filter(pk=world.a.pk).update(state=State.ACTIVE)


def test_a_urlconf_without_the_view_says_what_to_add(shared, world):
    with pytest.raises(ImproperlyConfigured, match="tenantry_receive"):
        hand_over(shared, world.a)


def test_tenants_with_users_of_their_own_need_a_function(shared, world):
    with override_settings(ROOT_URLCONF="tests.scopes.handover_shared_urls"):
        url = hand_over(shared, world.a)
        with pytest.raises(ImproperlyConfigured, match="find_user"):
            follow(url)


# --- Used tokens


def test_a_token_is_used_once_in_all_tenants(world):
    token, until = new_key(), timezone.now()
    with override_tenant(world.a):
        assert use_once(token, until=until)
    for place in (None, world.a, world.b):
        with override_tenant(place):
            assert not use_once(token, until=until)


@pytest.mark.usefixtures("_database")
def test_used_tokens_are_forgotten_when_they_are_worthless():
    UsedToken.objects.all().delete()
    now = timezone.now()
    for hours in (-3, -2, 0):
        assert use_once(f"t{hours}", until=now + timedelta(hours=hours))
    assert use_once("last", until=now)
    assert UsedToken.objects.count() == 2
    UsedToken.objects.all().delete()
