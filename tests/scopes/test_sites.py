"""Sites, sitemaps, feeds and mails say the active tenant's address, and no other's."""

import asyncio
import re
import warnings
from contextlib import contextmanager

import pytest

from tenantry import get_tenant, override_tenant
from tests.projects import ISOLATIONS, PROVE, SQLITE, migrated
from tests.settings import base

DJANGO = ["sites", "flatpages", "redirects", "sitemaps"]
APPS = [*base.INSTALLED_APPS, *(f"django.contrib.{name}" for name in DJANGO)]
OWN = DJANGO[:3]
PATH = {"BACKEND": "tenantry.routing.PathResolver", "OPTIONS": {"PREFIX": "/t/"}}
HEADER = "tenantry.routing.HeaderResolver"
SEEDED = {"domain": "example.com", "name": "example.com"}  # as Django makes it
BY = "the catalog's domain and name; `SITE_CACHE` is kept by tenant"


@contextmanager
def project(folder, isolation=SQLITE, *, tenants=(), shared=(), **options):
    """Make a project with sites in these lists, and tenants acme and globex."""
    with migrated(isolation, folder / "p") as made:
        tenantry = made.settings["TENANTRY"]
        made.change(
            INSTALLED_APPS=APPS,
            SITE_ID=1,
            ROOT_URLCONF="tests.scopes.site_urls",
            MIDDLEWARE=[
                *base.MIDDLEWARE,
                "django.contrib.redirects.middleware.RedirectFallbackMiddleware",
            ],
            TENANTRY={
                **tenantry,
                "TENANT_APPS": [*tenantry["TENANT_APPS"], *tenants],
                "SHARED_APPS": [*tenantry["SHARED_APPS"], *shared],
                "SHARED_URLCONF": None,
                **options,
            },
        )
        made.manage("migrate", "-v0").ok()
        made.call(_provision)
        yield made


def _provision():
    from tests.world import fill, provision

    for key in ("acme", "globex"):
        fill(provision(key=key, name=key.title()), key)


@pytest.fixture(scope="module", params=ISOLATIONS[: 3 if PROVE else 1])
def own(request, tmp_path_factory):
    """Each tenant has a table of sites of its own; the shared site has none."""
    folder = tmp_path_factory.mktemp("own")
    with project(folder, request.param, tenants=OWN) as made:
        yield made


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """All tenants have one table of sites."""
    folder = tmp_path_factory.mktemp("shared")
    with project(folder, shared=OWN) as made:
        yield made


@contextmanager
def routed(*resolvers, **options):
    """Change how requests find their tenant, within a process."""
    from django.conf import settings
    from django.test import override_settings

    changed = {**settings.TENANTRY, "RESOLVERS": list(resolvers), **options}
    with override_settings(TENANTRY=changed):
        yield


def _site(place, request=None):
    from django.contrib.sites.models import Site

    with override_tenant(place):
        found = Site.objects.get_current(request)
        return [found.pk, found.domain, found.name]


def _ask(path, key="acme", **kwargs):
    from django.test import Client

    host = {"host": f"{key}.example.org"}
    return Client().get(path, headers=host, **kwargs).content.decode()


# --- django.contrib.sites


def _fresh():
    found = [_site(key) for key in ("acme", "globex", "acme")]
    return [*found, _ask("/site/"), _ask("/site/", "globex")]


@pytest.mark.service("Sites", "in tenants", by=BY)
def test_a_fresh_tenant_is_at_its_own_domain(own):
    assert own.call(_fresh) == [
        [1, "acme.example.org", "Acme"],
        [1, "globex.example.org", "Globex"],
        [1, "acme.example.org", "Acme"],
        "acme.example.org|Acme",
        "globex.example.org|Globex",
    ]


@pytest.mark.service("Sites", "shared", by=BY)
def test_with_shared_sites_each_tenant_is_at_its_own_domain_too(shared):
    assert shared.call(_fresh)[:2] == [
        [1, "acme.example.org", "Acme"],
        [1, "globex.example.org", "Globex"],
    ]


def _sandwich(rename=True):
    from django.contrib.sites.models import Site

    from tests.customers.models import Tenant
    from tests.scopes import sandwich

    domains = {"acme": "acme.example.org", "globex": "globex.example.org"}

    def write(value):
        if get_tenant() is None:
            shared["value"] = value
            return
        site = Site.objects.get(pk=1)
        site.domain = domains[get_tenant().key]  # a row that is the tenant's own
        site.name = value
        site.save()

    def read():
        if get_tenant() is None:
            return shared["value"]
        return Site.objects.get_current().name

    shared = {}
    tenants = Tenant.objects.order_by("key")
    try:
        sandwich.check(write, read, *tenants)
    except sandwich.Leaked as error:
        return str(error)
    finally:
        for tenant in tenants:
            with override_tenant(tenant):
                Site.objects.filter(pk=1).update(**SEEDED)
    return "kept"


def test_rows_of_sites_are_kept_apart(own):
    assert own.call(_sandwich) == "kept"


@pytest.fixture(scope="module")
def unscoped(tmp_path_factory):
    """As `own`, without the scope."""
    with project(tmp_path_factory.mktemp("un"), tenants=OWN, SCOPES=[]) as made:
        yield made


def test_control_without_the_scope_sites_leak(unscoped):
    assert unscoped.call(_fresh)[0] == [1, "example.com", "example.com"]
    assert "reads" in unscoped.call(_sandwich)


def _rows():
    """What a row says is followed where it is the tenant's, and only there."""
    from django.contrib.sites.models import Site

    from tests.customers.models import Domain, Tenant

    seen = []
    with override_tenant("acme"):
        site = Site.objects.get(pk=1)
        for domain in ("evil.example", "globex.example.org", "shop.example.net"):
            if domain == "shop.example.net":
                with override_tenant(None):
                    acme = Tenant.objects.get(key="acme")
                    Domain(tenant=acme, host=domain).save()
            site.domain, site.name = domain, "As the row says"
            site.save()
            seen.append(_site("acme"))
    seen.append(_site("globex"))
    with override_tenant(None):
        Domain.objects.get(host="shop.example.net").delete()
    seen.append(_site("acme"))
    with override_tenant("acme"):
        Site(pk=1, **SEEDED).save()
    return seen


def test_a_row_is_followed_where_its_domain_is_the_tenants(own):
    catalog = [1, "acme.example.org", "Acme"]
    assert own.call(_rows) == [
        catalog,
        catalog,
        [1, "shop.example.net", "As the row says"],
        [1, "globex.example.org", "Globex"],
        catalog,
    ]


def _moves():
    """The catalog changes: so does the site, at once."""
    from tests.customers.models import Domain, Tenant

    seen = [_site("acme")]
    acme = Tenant.objects.get(key="acme")
    Domain(tenant=acme, host="new.example.org", is_primary=True).save()
    seen.append(_site("acme"))
    Domain.objects.get(host="new.example.org").delete()
    Domain.objects.get(host="acme.example.org").save()
    with routed(PATH):
        seen += [_site("acme"), _site("globex")]
    with routed(PATH, URL_PORT=8000):
        seen += [_site("acme")]
    with routed(HEADER):
        from django.test import RequestFactory

        request = RequestFactory().get("/", headers={"host": "api.example.net"})
        request.get_host = lambda: "api.example.net"
        seen += [_site("acme", request), _site("acme")]
    return [domain for _, domain, _ in seen]


def test_the_site_follows_the_catalog_and_the_routing(own):
    assert own.call(_moves) == [
        "acme.example.org",
        "new.example.org",
        "example.com",
        "example.com",
        "example.com:8000",
        "api.example.net",
        "example.com",  # no address and no request: as the row says
    ]


def _without_site_id():
    from django.conf import settings
    from django.test import RequestFactory

    del settings.SITE_ID
    request = RequestFactory().get("/", headers={"host": "acme.example.org"})
    return [_site("acme", request), _site("globex", request)]


def test_without_site_id_the_tenants_row_is_found(own):
    assert own.call(_without_site_id) == [
        [1, "acme.example.org", "Acme"],
        [1, "globex.example.org", "Globex"],
    ]


def _shared_site():
    from tenantry.exceptions import NoActiveTenant

    found = [_ask("/site/", "x")]
    from django.test import Client

    found = [Client().get("/site/", headers={"host": "example.com"}).content.decode()]
    try:
        _site(None)
    except NoActiveTenant as error:
        found.append("Site" in str(error))
    return found


def test_the_shared_site_without_a_table_is_at_the_requests_host(own):
    assert own.call(_shared_site) == ["example.com|example.com", True]


def _shared_rows():
    from django.contrib.sites.models import Site

    from tenantry.exceptions import NotSupported

    seen = [_site(None)]
    with override_tenant("acme"):
        try:
            Site.objects.get_current().save()
        except NotSupported as error:
            seen.append("no row" in str(error))
    Site.objects.create(pk=7, domain="acme.example.org", name="Acme's row")
    seen += [_site("acme"), _site("globex")]
    Site.objects.get(pk=7).delete()
    seen += [_site("acme"), _site(None)]
    return seen


def test_a_shared_row_with_a_tenants_domain_is_that_tenants(shared):
    assert shared.call(_shared_rows) == [
        [1, "example.com", "example.com"],
        True,
        [7, "acme.example.org", "Acme's row"],
        [1, "globex.example.org", "Globex"],
        [1, "acme.example.org", "Acme"],
        [1, "example.com", "example.com"],
    ]


@pytest.mark.skipif(not PROVE, reason="each half is proved above")
def test_with_sites_in_both_lists_each_has_its_own(tmp_path):
    with project(tmp_path, tenants=OWN, shared=["sites"]) as made:
        assert made.call(_sandwich) == "kept"
        assert made.call(_fresh)[0] == [1, "acme.example.org", "Acme"]
        assert made.call(_site, None) == [1, "example.com", "example.com"]


def _asynchronous():
    from asgiref.sync import sync_to_async
    from django.contrib.sites.models import Site
    from django.urls import reverse

    from tenantry.catalog.registry import registry

    async def main():
        async with override_tenant("acme"):
            await sync_to_async(Site.objects.get_current)()
            registry.clear()  # and so nothing of the catalog is in memory
            domain = Site.objects.get_current().domain
            registry.clear()
            return [domain, reverse("author", args=[1])]

    with routed(PATH):
        return asyncio.run(main())


def test_async_code_has_its_site_and_its_urls(own):
    assert own.call(_asynchronous) == ["example.com", "/t/acme/author/1/"]


# --- what asks for the site


def _pages():
    """Flat pages and redirects, of the same URL in both tenants."""
    from django.contrib.flatpages.models import FlatPage
    from django.contrib.redirects.models import Redirect
    from django.contrib.sites.models import Site

    for key in ("acme", "globex"):
        with override_tenant(key):
            page = FlatPage.objects.create(url="/about/", title=key, content=key)
            page.sites.add(Site.objects.get_current())
            Redirect.objects.create(
                site=Site.objects.get_current(), old_path="/old/", new_path=f"/{key}/"
            )
    from django.test import Client

    found = []
    for key in ("acme", "globex"):
        host = {"host": f"{key}.example.org"}
        found.append(
            Client().get("/page/about/", headers=host).context["flatpage"].title
        )
        found.append(Client().get("/old/", headers=host).headers["Location"])
    return found


@pytest.mark.service("Sites", "`flatpages`, `redirects`", by=BY)
def test_flat_pages_and_redirects_are_the_tenants(own):
    templates = [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "OPTIONS": {
                "loaders": [
                    [
                        "django.template.loaders.locmem.Loader",
                        {"flatpages/default.html": "{{ flatpage.content }}"},
                    ]
                ]
            },
        }
    ]
    assert own.call(_with_templates, templates) == [
        "acme",
        "/acme/",
        "globex",
        "/globex/",
    ]


def _with_templates(templates):
    from django.test.utils import override_settings, setup_test_environment

    setup_test_environment()
    with override_settings(TEMPLATES=templates):
        return _pages()


def _mails():
    """Password resets, asked for in a request and in a task."""
    from django.contrib.auth.forms import PasswordResetForm
    from django.contrib.auth.models import User
    from django.core import mail
    from django.test import Client
    from django.test.utils import setup_test_environment

    setup_test_environment()
    warnings.filterwarnings("ignore", ".*default mailer")  # as most projects have it
    seen = []

    def links():
        found = re.findall(r"https?://\S+/r/", "".join(m.body for m in mail.outbox))
        subjects = [m.subject.split(" on ")[1] for m in mail.outbox]
        seen.append([*found, *subjects])
        mail.outbox.clear()

    for key in ("acme", "globex"):
        with override_tenant(key):
            User.objects.update(email="ann@example.net")
            form = PasswordResetForm({"email": "ann@example.net"})
            assert form.is_valid()
            form.save()
            links()
            with routed(PATH):
                form.save()
                links()
        host = {"host": f"{key}.example.org"}
        Client().post("/reset/", {"email": "ann@example.net"}, headers=host)
        links()
    with routed(PATH):
        data = {"email": "ann@example.net"}
        Client().post("/t/globex/reset/", data, headers={"host": "example.com"})
        links()
    return seen


@pytest.mark.service("Mail", "password resets", by=BY)
def test_links_of_password_resets_lead_to_the_tenant(own):
    said = own.call(_mails)
    for number, (key, name) in enumerate((("acme", "Acme"), ("globex", "Globex"))):
        task, prefixed, request = said[number * 3 : number * 3 + 3]
        assert task == [f"http://{key}.example.org/r/", name]
        assert prefixed == [f"http://example.com/t/{key}/r/", name]
        assert request == [f"http://{key}.example.org/r/", name]
    assert said[-1] == ["http://example.com/t/globex/r/", "Globex"]


# --- sitemaps, feeds, robots


def _texts(*, prefixed):
    """Every address in what is made for robots and readers."""
    from django.test import Client

    paths = [
        "/sitemap.xml",
        "/sitemap-authors.xml",
        "/sitemap-languages.xml",
        "/sitemap-chapters.xml",
        "/feed/",
        "/robots.txt",
    ]
    found = {}
    for key in ("acme", "globex"):
        host = "example.com" if prefixed else f"{key}.example.org"
        with routed(PATH if prefixed else "tenantry.routing.DomainResolver"):
            for path in paths:
                whole = f"/t/{key}{path}" if prefixed else path
                response = Client().get(whole, headers={"host": host})
                assert response.status_code == 200, (whole, response.content)
                text = response.content.decode()
                found.setdefault(key, []).extend(
                    re.findall(r"https?://[^\s<\"]+", text)
                )
    return found


@pytest.mark.service("Sitemaps, feeds, `robots.txt`", "by domain", by=BY)
def test_sitemaps_feeds_and_robots_say_the_tenants_domain(own):
    said = own.call(_texts, prefixed=False)
    for key in ("acme", "globex"):
        own_urls = [url for url in said[key] if "example" in url]
        assert len(own_urls) > 12
        assert {url.split("/")[2] for url in own_urls} == {f"{key}.example.org"}
        assert f"http://{key}.example.org/author/1000001/" in own_urls
        assert f"http://{key}.example.org/sitemap-languages.xml" in own_urls


@pytest.mark.service(
    "Sitemaps, feeds, `robots.txt`", "by path prefix", by="the script prefix"
)
def test_sitemaps_feeds_and_robots_say_the_tenants_prefix(own):
    said = own.call(_texts, prefixed=True)
    for key in ("acme", "globex"):
        urls = [u for u in said[key] if "example" in u and "/chapters/" not in u]
        begin = f"http://example.com/t/{key}"
        assert len(urls) > 12
        assert [u for u in urls if not u.startswith(begin)] == [
            "http://example.com/",  # the feed's `link = "/"`: written, not reversed
        ]


def _outside():
    """URLs outside of a request."""
    from django.urls import reverse

    from tests.customers.models import Tenant
    from tests.shop.models import Author

    Author.get_absolute_url = lambda self: reverse("author", args=[self.pk])
    acme, globex = Tenant.objects.order_by("key")
    seen = []
    with override_tenant("acme"):
        author = Author(pk=5)
    for resolver in (PATH, "tenantry.routing.DomainResolver", HEADER):
        with routed(resolver):
            for place in ("acme", "globex", None):
                with override_tenant(place):
                    seen.append(reverse("author", args=[5]))
    with routed(PATH), override_tenant("globex"):
        seen += [acme.url(author), acme.url("author", 5), acme.url("/x/")]
    with routed("tenantry.routing.DomainResolver", PATH), override_tenant("globex"):
        seen.append(globex.url(author))
    return seen


def test_urls_outside_of_a_request_have_the_tenants_prefix(own):
    assert own.call(_outside) == [
        *["/t/acme/author/5/", "/t/globex/author/5/", "/author/5/"],
        *["/author/5/"] * 6,
        "https://example.com/t/acme/author/5/",
        "https://example.com/t/acme/author/5/",
        "https://example.com/t/acme/x/",
        "https://globex.example.org/author/5/",
    ]


def _modified():
    """When a sitemap last changed is one tenant's: another has no chapters."""
    from django.test import Client

    from tests.shop.models import Chapter

    with override_tenant("globex"):
        Chapter.objects.all().delete()
    found = []
    for key in ("acme", "globex"):
        host = {"host": f"{key}.example.org"}
        response = Client().get("/sitemap-chapters.xml", headers=host)
        found.append("Last-Modified" in response.headers)
    return found


def test_when_a_sitemap_changed_is_not_told_to_another_tenant(own):
    assert own.call(_modified) == [True, False]


def test_control_without_the_scope_it_is(unscoped):
    assert unscoped.call(_modified) == [True, True]


def _as_it_was():
    import inspect

    from django.contrib.sites import models
    from django.urls import base as urls

    found = []
    for owner, name in (
        (models.SiteManager, "get_current"),
        (models.SiteManager, "clear_cache"),
        (urls, "get_script_prefix"),
    ):
        original = getattr(owner, name)._tenantry_original
        found.append(str(inspect.signature(original)))
    source = inspect.getsource(models)
    found.append("global SITE_CACHE" in source)
    models.Site.objects.clear_cache()
    found.append(type(models.SITE_CACHE).__name__)
    return found


def test_what_the_seams_stand_on_is_as_it_was(own):
    assert own.call(_as_it_was) == [
        "(self, request=None)",
        "(self)",
        "()",
        True,
        "SitesByTenant",
    ]
