"""What follows a login, a logout or an entry stays in its tenant, whatever is asked."""

import copy
from urllib.parse import quote, unquote, urljoin, urlsplit

import pytest
from django.contrib.auth import views
from django.test import override_settings
from django.utils import http

from tenantry.users.models import Membership
from tests.users.browser import SHARED, Browser, log_in
from tests.world import replaced, without_seam

# {own}, {other}: the addresses of the tenant and of another, without a slash.
ATTACKS = [
    "//evil.example/",
    "///evil.example/",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "\t//evil.example",
    " //evil.example",
    "https://evil.example/",
    "https:evil.example",
    "https:///evil.example",
    "http://example.com/",
    "{other}/whoami/",
    "{own}@evil.example/",
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,evil",
    "//[",
    "\x00//evil.example",
]
# Where the other tenant is at the same host, below another path.
OUT_OF_PREFIX = [
    "/",
    "/t/",
    "{path}/whoami/",
    "{path}x/",
    "{other}/whoami/",
    "{own}/../{slug}/whoami/",
    "{here}/../{slug}/whoami/",
    "{here}/%2e%2e/{slug}/whoami/",
    "{here}/%2E./{slug}/whoami/",
    "{here}\\..\\{slug}\\whoami/",
    "../../{slug}/whoami/",
    "../../../{slug}/whoami/",
    "/t/../t/{slug}/whoami/",
    "{here}x/whoami/",
]


@pytest.fixture
def member(tenants, user):
    """The shared user is a member of both tenants."""
    for each in tenants:
        Membership.objects.create(tenant=each, user=user)
    return user


@pytest.fixture
def prefixes(tenants):
    """Tenants are at one host, and parted by their paths."""
    from django.conf import settings

    changed = copy.deepcopy(settings.TENANTRY)
    changed["RESOLVERS"] = [
        {"BACKEND": "tenantry.routing.PathResolver", "OPTIONS": {"PREFIX": "/t/"}}
    ]
    with override_settings(TENANTRY=changed):
        yield


def address(tenant):
    """Return where the tenant is, without a slash."""
    return tenant.url("/")[:-1]


def filled(attack, tenants):
    """Return the attack with the addresses of the two tenants."""
    own, other = tenants
    return attack.format(
        own=address(own),
        other=address(other),
        here=urlsplit(address(own)).path,
        path=urlsplit(address(other)).path,
        slug=other.slug,
    )


def led_to(way, tenant, wanted):
    """Return where a browser is led, which asks for that to follow."""
    browser = Browser()
    base = address(tenant)
    if way == "enter":
        log_in(browser, None, "ann", "pw")
        url = f"{base}/people/enter/?next={quote(wanted)}"
        for _ in range(3):
            url = urljoin(url, browser.ask("get", url)["Location"])
        return url
    url = f"{base}/people/{way}/"
    typed = {"username": "ann", "password": "pw", "next": wanted}
    answer = browser.ask("post", url, typed)
    # The page itself is the answer to a logout with nothing to follow.
    return urljoin(url, answer.get("Location", url))


def is_within(url, tenant):
    """Whether a browser that follows the URL stays at the tenant."""
    base = address(tenant)
    path = unquote(urlsplit(url).path).replace("\\", "/")
    return url.startswith(f"{base}/") and ".." not in path.split("/")


def escaped(way, tenants, attacks):
    """Return by which of the attacks a browser would be led out of the first tenant."""
    urls = {each: led_to(way, tenants[0], filled(each, tenants)) for each in attacks}
    return {
        each: url
        for each, url in urls.items()
        if not is_within(url, tenants[0]) or "evil" in url
    }


@pytest.mark.parametrize("way", ["login", "logout", "enter"])
def test_it_stays_at_the_tenants_host(member, tenants, way):
    assert escaped(way, tenants, ATTACKS) == {}


@pytest.mark.parametrize("way", ["login", "logout", "enter"])
@pytest.mark.usefixtures("member", "prefixes")
def test_it_stays_in_the_tenants_path_prefix(tenants, way):
    assert escaped(way, tenants, ATTACKS + OUT_OF_PREFIX) == {}


@pytest.mark.usefixtures("member", "prefixes")
def test_control_django_alone_would_be_led_out_of_the_prefix(tenants):
    attacks = ["{path}/whoami/", "{other}/whoami/", "{here}/%2e%2e/{slug}/whoami/"]
    with without_seam(http, "_url_has_allowed_host_and_scheme"):
        assert list(escaped("login", tenants, attacks)) == attacks


@pytest.mark.usefixtures("member")
def test_control_without_djangos_own_check_it_leaves_the_host(tenants):
    attacks = ["https://evil.example/", "//evil.example/"]
    with replaced(views, "url_has_allowed_host_and_scheme", lambda **_: True):
        assert list(escaped("login", tenants, attacks)) == attacks


@pytest.mark.parametrize("way", ["login", "logout", "enter"])
def test_what_is_the_tenants_is_followed(member, tenants, way):
    for path in ("/whoami/", "/whoami/?x=/../", "/a..b/"):
        assert led_to(way, tenants[0], path) == address(tenants[0]) + path


@pytest.mark.parametrize("way", ["login", "logout", "enter"])
@pytest.mark.usefixtures("member", "prefixes")
def test_so_it_is_in_the_path_prefix(tenants, way):
    for path in ("{here}/whoami/?x=1", "{here}/a..b/", "{here}"):
        wanted = filled(path, tenants)
        assert led_to(way, tenants[0], wanted) == f"{SHARED}{wanted}"


@pytest.mark.usefixtures("user")
def test_the_shared_site_follows_nothing_to_elsewhere(tenants):
    url = f"{SHARED}/people/login/"
    for attack in ATTACKS:
        wanted = filled(attack, tenants)
        typed = {"username": "ann", "password": "pw", "next": wanted}
        led = urljoin(url, Browser().ask("post", url, typed)["Location"])
        assert led.startswith(f"{SHARED}/"), attack
