"""From a request to its tenant: each resolver, their order, and what is answered."""

import pytest
from django.test import Client, RequestFactory

from tenantry import get_tenant
from tenantry.exceptions import NotSupported
from tenantry.models import State
from tenantry.routing import SHARED
from tenantry.routing.chain import resolve, trace
from tests.clients import AnyHost
from tests.customers.models import Domain, Tenant
from tests.world import in_threads, new_key, run

DOMAIN = "tenantry.routing.DomainResolver"
SUBDOMAIN = {
    "BACKEND": "tenantry.routing.SubdomainResolver",
    "OPTIONS": {"BASE": "example.com"},
}
PATH = {"BACKEND": "tenantry.routing.PathResolver", "OPTIONS": {"PREFIX": "/t/"}}
HEADER = "tenantry.routing.HeaderResolver"
SESSION = "tenantry.routing.SessionResolver"


def get(host, path="/", client=None, **options):
    """Return the response of a host."""
    return (client or Client()).get(path, headers={"host": host}, **options)


def whose(response):
    """Return the key of the tenant that answered; a dash for the shared site."""
    first, second, _ = response.content.decode().split("|", 2)
    assert first in {second, "shared"}
    return "-" if first == "shared" else first


@pytest.mark.parametrize("form", ["{}", "{}.", "{}:8000", "{}.:8000", "UPPER"], ids=str)
def test_a_domain_leads_to_its_tenant_however_it_is_written(pair, form):
    for tenant in pair:
        host = f"{tenant.key}.example.org"
        given = host.upper() if form == "UPPER" else form.format(host)
        assert whose(get(given)) == tenant.key


def test_an_address_of_ipv6_leads_to_its_tenant(pair):
    domain = Domain(tenant=pair[0], host="2001:DB8::00ff")
    domain.save()
    for given in ("[2001:db8::ff]", "[2001:DB8:0::FF]:8000"):
        assert whose(get(given)) == pair[0].key
    domain.delete()


def test_an_international_domain_leads_to_its_tenant(pair):
    domain = Domain(tenant=pair[0], host="münchen.example")
    domain.save()
    assert whose(get("XN--mnchen-3ya.example")) == pair[0].key
    domain.delete()


@pytest.mark.parametrize("host", ["nobody.example.org", "example.org", "127.0.0.1"])
def test_an_unknown_host_is_not_found(pair, host):
    response = get(host)
    assert response.status_code == 404
    assert b"no site at this address" in response.content


@pytest.mark.parametrize("host", ["a_b.example.org", "a b", "a,b", "[::1", "a..b", "@"])
def test_what_is_no_host_is_not_found(pair, host):
    assert get(host).status_code in (400, 404)


def test_the_shared_site_is_where_allowed_hosts_say(pair):
    assert whose(get("example.com")) == "-"
    assert whose(get("EXAMPLE.com.:80")) == "-"


def test_shared_hosts_may_be_given(pair, routing):
    routing(SHARED_HOSTS=["shared.example.net", ".below.example.net"])
    for host in ("shared.example.net", "below.example.net", "x.below.example.net"):
        assert resolve(RequestFactory().get("/", headers={"host": host})) is SHARED
    for host in ("example.com", "xbelow.example.net"):
        assert resolve(RequestFactory().get("/", headers={"host": host})) is None


def test_a_subdomain_leads_to_the_tenant_of_that_slug(pair, routing):
    routing(RESOLVERS=[SUBDOMAIN])
    for tenant in pair:
        assert whose(get(f"{tenant.slug}.example.com")) == tenant.key
        assert whose(get(f"{tenant.slug.upper()}.Example.com.:80")) == tenant.key
        assert get(f"x.{tenant.slug}.example.com").status_code == 404
        assert get(f"{tenant.slug}.example.com.evil.com").status_code == 404
        assert get(f"{tenant.slug}.evilexample.com").status_code == 404
    assert whose(get("example.com")) == "-"
    assert get("nobody.example.com").status_code == 404


def test_a_header_leads_to_the_tenant_of_that_key(pair, routing):
    routing(RESOLVERS=[{"BACKEND": HEADER, "OPTIONS": {"NAME": "X-Customer"}}])
    client = Client()
    for tenant in pair:
        headers = {"host": "example.com", "x-customer": tenant.key}
        assert whose(client.get("/", headers=headers)) == tenant.key
    headers = {"host": "example.com", "x-customer": "nobody"}
    assert whose(client.get("/", headers=headers)) == "-"
    assert whose(get("example.com")) == "-"


@pytest.fixture
def cached_by_django(settings, routing):
    """Pages kept by the middleware that Django wants first, before ours."""
    settings.MIDDLEWARE = [
        "django.middleware.cache.UpdateCacheMiddleware",
        "django.middleware.cache.FetchFromCacheMiddleware",
        *settings.MIDDLEWARE,
    ]
    memory = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": memory, "LOCATION": new_key()}}
    routing(RESOLVERS=[HEADER])


def answers_by_header(pair):
    keys = [tenant.key for tenant in pair]
    return [
        whose(Client().get("/", headers={"host": "example.com", "x-tenant": key}))
        for key in (*keys, "nobody", *keys)
    ]


def test_a_cache_in_front_keeps_pages_by_the_header(pair, cached_by_django):
    a, b = (tenant.key for tenant in pair)
    assert answers_by_header(pair) == [a, b, "-", a, b]


def test_what_is_not_found_varies_by_the_header_too(routing):
    routing(RESOLVERS=[HEADER])
    assert get("nobody.example.com")["Vary"] == "X-Tenant"
    routing(RESOLVERS=[DOMAIN])
    assert not get("nobody.example.com").has_header("Vary")


def test_control_without_vary_it_gives_anothers(pair, cached_by_django, monkeypatch):
    monkeypatch.setattr("tenantry.middleware.vary", lambda _: None)
    assert answers_by_header(pair) == [pair[0].key] * 5


def test_the_users_choice_leads_to_the_tenant_of_that_key(pair, routing, settings):
    class Chosen:
        def __init__(self, get_response):
            self.get_response = get_response

        def __call__(self, request):
            request.session = {"tenant": request.headers.get("X-Session")}
            return self.get_response(request)

    globals()["Chosen"] = Chosen
    settings.MIDDLEWARE = [f"{__name__}.Chosen", "tenantry.middleware.TenantMiddleware"]
    routing(RESOLVERS=[SESSION])
    for tenant in pair:
        headers = {"host": "example.com", "x-session": tenant.key}
        assert whose(Client().get("/", headers=headers)) == tenant.key
    assert whose(get("example.com")) == "-"


def test_without_a_session_the_users_choice_is_a_clear_error(pair, routing):
    from django.core.exceptions import ImproperlyConfigured

    routing(RESOLVERS=[SESSION])
    with pytest.raises(ImproperlyConfigured, match="SessionMiddleware"):
        get("example.com")


def by_query(request):
    """Resolve by the query string: a resolver of the project's."""
    answer = request.GET.get("tenant")
    return SHARED if answer == "shared" else answer


def by_row(request):
    """Resolve to a row."""
    return Tenant.objects.filter(key=request.GET.get("tenant")).first()


@pytest.mark.parametrize("function", [by_query, by_row])
def test_a_function_of_the_projects_may_resolve(pair, routing, function):
    routing(RESOLVERS=[f"{__name__}.{function.__name__}", DOMAIN])
    for tenant in pair:
        assert whose(get("example.com", f"/?tenant={tenant.key}")) == tenant.key
    assert whose(get(f"{pair[0].key}.example.org")) == pair[0].key


def test_a_function_may_end_the_chain_with_the_shared_site(pair, routing):
    routing(RESOLVERS=[f"{__name__}.by_query", DOMAIN])
    assert whose(get(f"{pair[0].key}.example.org", "/?tenant=shared")) == "-"


def test_the_first_resolver_that_knows_the_request_decides(pair, routing):
    a, b = pair
    request = RequestFactory().get(
        "/", headers={"host": f"{a.key}.example.org", "x-tenant": b.key}
    )
    routing(RESOLVERS=[HEADER, DOMAIN])
    assert resolve(request).tenant.ref == b.ref
    assert [found and found.tenant for _, found in trace(request)][2] is None
    routing(RESOLVERS=[DOMAIN, HEADER])
    assert resolve(request).tenant.ref == a.ref


def test_a_tenants_host_is_its_own_where_paths_come_last(pair, routing):
    a, b = pair
    host = f"{a.key}.example.org"
    routing(RESOLVERS=[DOMAIN, PATH])
    assert get(host, f"/t/{b.slug}/").status_code == 404
    routing(RESOLVERS=[PATH, DOMAIN])  # control: what W081 warns of
    assert whose(get(host, f"/t/{b.slug}/")) == b.key


def test_exempt_paths_and_hosts_are_served_without_looking(pair, routing, settings):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    routing(EXEMPT_PATHS=["/health/"], EXEMPT_HOSTS=["10.0.0.1"])
    settings.ALLOWED_HOSTS = ["*"]
    with CaptureQueriesContext(connection) as seen:
        assert get("anybody.example", "/health/").status_code == 404  # of the URLconf
        assert b"no site" not in get("anybody.example", "/health/").content
        assert b"no site" not in get("anybody.example", "/static/x.css").content
        assert whose(get("10.0.0.1")) == "-"
    assert not [q for q in seen if "domain" in q["sql"]]
    assert get("10.0.0.2").status_code == 404


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.SUSPENDED, 403),
        (State.MAINTENANCE, 503),
        (State.PROVISIONING, 503),
        (State.DROPPING, 503),
    ],
)
def test_a_tenant_that_is_not_active_is_not_served(pair, state, status):
    tenant = pair[0]
    host = f"{tenant.key}.example.org"
    Tenant.objects.filter(pk=tenant.pk).update(state=state)
    try:
        response = get(host)
        assert response.status_code == status
        assert tenant.key.encode() not in response.content
        assert ("Retry-After" in response) == (status == 503)
    finally:
        Tenant.objects.filter(pk=tenant.pk).update(state=State.ACTIVE)
    assert whose(get(host)) == tenant.key


def gone(request, tenant=None):
    """Answer in the project's own words."""
    from django.http import HttpResponse

    return HttpResponse(f"ours {tenant} {request.tenant} {get_tenant()}", status=410)


def test_the_project_may_answer_itself(pair, routing):
    routing(NOT_FOUND_VIEW=f"{__name__}.gone", UNAVAILABLE_VIEW=f"{__name__}.gone")
    assert get("nobody.example").content == b"ours None None None"
    Tenant.objects.filter(pk=pair[0].pk).update(state=State.SUSPENDED)
    try:
        said = get(f"{pair[0].key}.example.org").content.decode()
    finally:
        Tenant.objects.filter(pk=pair[0].pk).update(state=State.ACTIVE)
    assert said == f"ours {pair[0]} None None"


# The primary domain.


@pytest.fixture
def second(pair):
    """A second domain of the first tenant."""
    domain = Domain(tenant=pair[0], host=f"{new_key('h')}.example.net")
    domain.save()
    yield domain
    domain.delete()


@pytest.mark.parametrize("method", ["get", "head", "post"])
def test_another_domain_redirects_to_the_primary_one(second, routing, method):
    primary = f"{second.tenant.key}.example.org"
    assert whose(get(second.host)) == second.tenant.key
    routing(REDIRECT_TO_PRIMARY=True)
    ask = getattr(Client(), method)
    response = ask("/url/?a=1&b=%20", headers={"host": second.host})
    assert response.status_code == (308 if method == "post" else 301)
    assert response["Location"] == f"http://{primary}/url/?a=1&b=%20"
    assert whose(get(primary)) == second.tenant.key


def test_a_redirect_keeps_the_port_that_was_asked(pair, second, routing):
    routing(REDIRECT_TO_PRIMARY=True)
    primary = f"{pair[0].key}.example.org"
    ask = Client(SERVER_PORT="8000")
    assert (
        get(f"{second.host}:8080", client=ask)["Location"] == f"http://{primary}:8080/"
    )
    assert get(second.host, client=ask)["Location"] == f"http://{primary}/"
    secure = get(f"{second.host}:443", client=ask, secure=True)
    assert secure["Location"] == f"https://{primary}/"


def test_a_redirect_stays_on_the_tenants_host(pair, second, routing):
    routing(REDIRECT_TO_PRIMARY=True)
    for path in ("//evil.com/", "/\\evil.com", "/%2f%2fevil.com"):
        location = get(second.host, path)["Location"]
        assert location.startswith(f"http://{pair[0].key}.example.org/")


# Path prefixes.


@pytest.fixture
def prefixed(pair, routing, settings):
    """Tenants under `/t/<slug>/` of the shared site's host."""
    settings.ALLOWED_HOSTS = ["example.com"]
    routing(RESOLVERS=[PATH])
    return pair


def test_under_a_prefix_every_url_carries_it(prefixed):
    for tenant in prefixed:
        at = f"/t/{tenant.slug}"
        assert whose(get("example.com", f"{at}/")) == tenant.key
        facts = get("example.com", f"{at}/url/?x=1")
        assert facts.json() == {
            "reverse": f"{at}/url/",
            "absolute": f"http://example.com{at}/url/?x=1",
            "path": f"{at}/url/",
            "path_info": "/url/",
        }
        assert facts.cookies["seen"]["path"] == at
        assert get("example.com", f"{at}/go/")["Location"] == f"{at}/"
    facts = get("example.com", "/url/")
    assert facts.json()["reverse"] == "/url/"
    assert facts.cookies["seen"]["path"] == "/"


def test_a_prefix_without_its_slash_is_redirected(prefixed):
    slug = prefixed[0].slug
    response = get("example.com", f"/t/{slug}?x=1")
    assert (response.status_code, response["Location"]) == (301, f"/t/{slug}/?x=1")
    post = Client().post(f"/t/{slug}", headers={"host": "example.com"})
    assert post.status_code == 308


@pytest.mark.parametrize("path", ["/t/", "/t/nobody/", "/x/{}/", "/t//{}/", "/T/{}/"])
def test_another_path_leads_to_no_tenant(prefixed, path):
    found = resolve(
        RequestFactory().get(path.format(prefixed[0].slug), HTTP_HOST="example.com")
    )
    assert found is SHARED


def test_templates_and_static_files_know_the_prefix(prefixed):
    from django.template import Context, Template
    from django.urls import get_script_prefix

    from tenantry.routing.prefix import script_prefix

    with script_prefix("/t/x/"):
        url = Template("{% url 'authors' %}").render(Context())
    assert url == "/t/x/"
    assert get_script_prefix() == "/"


def test_a_shared_cookie_of_the_same_name_does_not_shadow_the_tenants(prefixed):
    a = prefixed[0]
    client = Client()
    logged_in = get("example.com", f"/t/{a.slug}/login/", client)
    cookie = logged_in.cookies["sessionid"]
    assert cookie["path"] == f"/t/{a.slug}"
    # A browser sends the cookie with the longer path first.
    header = f"sessionid={cookie.value}; sessionid=shared"
    said = Client().get(
        f"/t/{a.slug}/whoami/", headers={"host": "example.com", "cookie": header}
    )
    assert said.content == b"same"
    header = f"sessionid=shared; sessionid={cookie.value}"
    said = Client().get(
        f"/t/{a.slug}/whoami/", headers={"host": "example.com", "cookie": header}
    )
    assert said.content == b"nobody"


def test_prefixes_are_not_mixed_up_in_threads(prefixed):
    def ask(tenant):
        at = f"/t/{tenant.slug}"
        return {
            get("example.com", f"{at}/url/").json()["reverse"] == f"{at}/url/"
            for _ in range(20)
        }

    assert in_threads(*(lambda t=t: ask(t) for t in prefixed * 2)) == [{True}] * 4


def test_prefixes_are_not_mixed_up_in_tasks(prefixed):
    import asyncio

    async def ask(tenant):
        at = f"/t/{tenant.slug}"
        response = await AnyHost().get(f"{at}/url/", headers={"host": "example.com"})
        return response.json()["reverse"] == f"{at}/url/"

    async def all_of_them():
        return await asyncio.gather(*(ask(t) for t in prefixed * 10))

    assert run(all_of_them()) == [True] * 20


def test_a_domains_own_path_is_a_prefix_too(pair):
    a, b = pair
    host = f"{new_key('h')}.example.net"
    made = [
        Domain(tenant=a, host=host),
        Domain(tenant=b, host=host, path="/eu"),
    ]
    for domain in made:
        domain.save()
    try:
        assert whose(get(host)) == a.key
        assert whose(get(host, "/eu/")) == b.key
        assert get(host, "/eu/url/").json()["reverse"] == "/eu/url/"
        assert get(host, "/europe/").status_code == 404
        assert get(host, "/europe/").content != get("nobody.example").content
    finally:
        for domain in made:
            domain.delete()


# Hosts that Django allows, and addresses.


def test_allowed_hosts_follow_the_catalog(pair, settings):
    settings.ALLOWED_HOSTS = ["example.com"]
    host = f"{pair[0].key}.example.org"
    request = RequestFactory().get("/", headers={"host": host})
    assert request.get_host() == host
    from django.core.exceptions import DisallowedHost

    stranger = RequestFactory().get("/", headers={"host": "stranger.example"})
    with pytest.raises(DisallowedHost):
        stranger.get_host()
    domain = Domain(tenant=pair[0], host="stranger.example")
    domain.save()
    assert stranger.get_host() == "stranger.example"
    domain.delete()
    with pytest.raises(DisallowedHost):
        stranger.get_host()


def test_in_debug_tenants_are_below_localhost(pair, settings):
    settings.ALLOWED_HOSTS = []
    settings.DEBUG = True
    for tenant in pair:
        assert whose(get(f"{tenant.slug}.localhost:8000")) == tenant.key
    assert whose(get("localhost:8000")) == "-"
    settings.DEBUG = False
    assert get(f"{pair[0].slug}.localhost:8000").status_code == 404


def test_a_tenants_url_by_its_domain(pair, routing):
    a = pair[0]
    assert a.url() == f"https://{a.key}.example.org/"
    assert a.url("/x/?y=1") == f"https://{a.key}.example.org/x/?y=1"
    assert a.url("urls") == f"https://{a.key}.example.org/url/"
    routing(URL_SCHEME="http", URL_PORT=8000)
    assert a.url("urls") == f"http://{a.key}.example.org:8000/url/"
    routing(URL_SCHEME="https", URL_PORT=443)
    assert a.url() == f"https://{a.key}.example.org/"


def test_a_tenants_url_by_subdomain_and_by_path(pair, routing):
    a = pair[0]
    routing(RESOLVERS=[SUBDOMAIN])
    assert a.url("urls") == f"https://{a.slug}.example.com/url/"
    routing(RESOLVERS=[PATH])
    assert a.url("urls") == f"https://example.com/t/{a.slug}/url/"
    assert a.url("/x/") == f"https://example.com/t/{a.slug}/x/"


def test_a_tenant_without_an_address_says_so(pair, routing):
    routing(RESOLVERS=[HEADER])
    with pytest.raises(NotSupported, match="address"):
        pair[0].url()
