"""Each place's admin is its own: its models, its rows, its log, its permissions."""

import pytest

from tests.admin.conftest import FILES, client_of

PK = 7
BY = "the tenant that is active, and the seams of the admin"
pytestmark = [
    pytest.mark.service("Admin", "tenants'", by=BY),
    pytest.mark.parametrize("project", FILES, indirect=True),
]


def rows_in(key):
    from tenantry import override_tenant
    from tests.shop.models import Author, Book

    with override_tenant(key):
        Author.objects.all().delete()
        author = Author.objects.create(pk=PK, name=f"Ann of {key}")
        Book.objects.create(pk=PK, title=f"book of {key}", author=author)


def test_pages_of_a_tenant_show_its_own_rows_only(project):
    assert project.call(pages) == []


def pages():
    """Return what a page lacks of its own tenant, or has of the other."""
    wrong = []
    keys = ("acme", "globex")
    for key in keys:
        rows_in(key)
    clients = {key: client_of(key) for key in keys}
    look_up = "app_label=shop&model_name=book&field_name=author&term=Ann"
    paths = [
        "/admin/shop/author/",
        f"/admin/shop/author/{PK}/change/",
        f"/admin/shop/author/{PK}/history/",
        f"/admin/shop/author/{PK}/delete/",
        f"/admin/autocomplete/?{look_up}",
        "/admin/",
    ]
    for key in keys:  # so that there is something in the log
        clients[key].post("/admin/shop/tag/add/", {"name": f"Ann of {key}"})
    for path in paths:
        for key, other in (keys, keys[::-1]):
            response = clients[key].get(path)
            page = response.content.decode()
            if response.status_code != 200:
                wrong.append([path, key, response.status_code])
            if f"Ann of {key}" not in page or f"of {other}" in page:
                wrong.append([path, key])
    return wrong


def test_deletion_asks_about_the_tenants_rows_and_deletes_those(project):
    page, left = project.call(deletion)
    assert "book of acme" in page
    assert "globex" not in page
    assert left == {"acme": 0, "globex": 1}


def deletion():
    from tenantry import override_tenant
    from tests.shop.models import Author, Book

    for key in ("acme", "globex"):
        rows_in(key)
        with override_tenant(key):
            assert Book.objects.get().author_id == PK
    client = client_of("acme")
    page = client.get(f"/admin/shop/author/{PK}/delete/").content.decode()
    client.post(f"/admin/shop/author/{PK}/delete/", {"post": "yes"})
    left = {}
    for key in ("acme", "globex"):
        with override_tenant(key):
            left[key] = Author.objects.count()
    return page, left


def test_permissions_are_the_tenants(project):
    assert project.call(statuses) == {"acme": [200, 403], "globex": [403, 403]}


def statuses():
    from django.contrib.auth.models import Permission, User

    from tenantry import override_tenant

    found = {}
    for key in ("acme", "globex"):
        client = client_of(key, superuser=False, username="ann", is_staff=True)
        if key == "acme":
            with override_tenant(key):
                allowed = Permission.objects.get(codename="view_author")
                User.objects.get(username="ann").user_permissions.add(allowed)
        found[key] = [
            client.get(f"/admin/shop/{model}/").status_code
            for model in ("author", "book")
        ]
    return found


MODELS = {
    "tenants'": ("shop", "author"),
    "shared": ("geo", "country"),
    "tenant": ("customers", "tenant"),
    "domain": ("customers", "domain"),
    "both": ("auth", "user"),
}
SHOWN = {None: {"shared", "tenant", "domain", "both"}, "acme": {"tenants'", "both"}}


@pytest.mark.parametrize("place", SHOWN)
def test_what_is_elsewhere_is_not_listed_and_not_found(project, place):
    index, found = project.call(listed, place, list(MODELS.values()))
    for name, (app, model) in MODELS.items():
        shown = name in SHOWN[place]
        assert (f"/admin/{app}/{model}/" in index) == shown, name
        expected = [200, 200, shown] if shown else [404, 404, False]
        assert found[f"{app}.{model}"] == expected, name


def listed(place, models):
    """Return the index; of each model how its pages answer, and if its app is there."""
    client = client_of(place)
    index = client.get("/admin/").content.decode()
    found = {}
    for app, model in models:
        pages = [client.get(f"/admin/{app}/{model}/{end}") for end in ("", "add/")]
        there = client.get(f"/admin/{app}/").status_code == 200
        found[f"{app}.{model}"] = [*[page.status_code for page in pages], there]
    return index, found


def test_a_model_elsewhere_cannot_be_written_either(project):
    assert project.call(writes) == [404, 404, 404, 404]


def writes():
    from tests.customers.models import Tenant
    from tests.geo.models import Country

    number = Country.objects.create(name="Land").pk
    tenant = Tenant.objects.get(key="globex").pk
    at_tenant, at_shared = client_of("acme"), client_of(None)
    data = {"name": "x"}
    return [
        at_tenant.post(f"/admin/geo/country/{number}/change/", data).status_code,
        at_tenant.post(f"/admin/customers/tenant/{tenant}/drop/", data).status_code,
        at_tenant.post(f"/admin/geo/country/{number}/delete/", data).status_code,
        at_shared.post(f"/admin/shop/author/{PK}/delete/", data).status_code,
    ]


# The catalog through a look-up, from a tenant; a tenant's rows, from outside.
LOOK_UPS = [
    ("acme", "shop", "book", "author", 200),
    ("acme", "customers", "domain", "tenant", 403),
    (None, "customers", "domain", "tenant", 200),
    (None, "shop", "book", "author", 403),
]


@pytest.mark.parametrize("asked", LOOK_UPS)
def test_look_ups_stay_on_their_side(project, asked):
    place, app, model, field, status = asked
    query = f"app_label={app}&model_name={model}&field_name={field}"
    assert project.call(look_up, place, query) == status


def look_up(place, query):
    return client_of(place).get(f"/admin/autocomplete/?{query}").status_code


def test_a_form_offers_shared_objects_without_links_to_edit_them(project):
    page = project.call(form)
    assert "<option" in page
    assert "Land" in page
    assert "add_id_country" not in page
    assert "/admin/geo/country/" not in page


def form():
    from tests.geo.models import Country

    Country.objects.create(name="Land")
    return client_of("acme").get("/admin/shop/author/add/").content.decode()


def test_a_shared_model_may_be_shown_to_tenants(project):
    assert project.call(opened) == [200, 404]


def opened():
    from django.contrib import admin

    from tests.admin import urls
    from tests.geo.models import Country

    client = client_of("acme")
    model_admin = admin.site.get_model_admin(Country)
    assert isinstance(model_admin, urls.CountryAdmin)
    model_admin.shown_to_tenants = True
    first = client.get("/admin/geo/country/").status_code
    del model_admin.shown_to_tenants
    return first, client.get("/admin/geo/country/").status_code


def test_control_without_the_seams_it_is_an_error_of_the_first_query(project):
    assert project.call(without) == ["NoActiveTenant", 200]


def without():
    from django.contrib.admin.sites import AdminSite

    from tenantry.exceptions import NoActiveTenant
    from tests.world import without_seam

    found = []
    with without_seam(AdminSite, "admin_view"):
        try:
            client_of(None).get("/admin/shop/author/")
        except NoActiveTenant as error:
            found.append(type(error).__name__)
        # The shared tables, open to a tenant's staff:
        found.append(client_of("acme").get("/admin/customers/tenant/").status_code)
    return found
