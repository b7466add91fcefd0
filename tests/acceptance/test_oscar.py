"""django-oscar from the package index, unmodified, is many separate shops.

It brings 60 tables with as many relations, trees of raw SQL (treebeard), migrations
that run Python and raw SQL outside a transaction, and a materialized view.
"""

import pytest

from tests.acceptance import sites
from tests.acceptance.browser import client, errors, send
from tests.acceptance.sites import KEYS, PROVEN, ROW, other

pytest.importorskip("oscar", reason="install the extra `acceptance`")
SETTINGS = "tests.acceptance.oscar_project.settings"
PRICES = {"acme": "16.00", "globex": "14.00"}


@pytest.fixture(scope="module", params=[ROW, *PROVEN])
def project(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("oscar") / "p"
    made = sites.make(request.param, folder, SETTINGS)
    try:
        sites.provision(made)
        made.filled = sites.fill(made, fill)
        yield made
    finally:
        made.close()


# --- What each tenant's staff and customer do, by Oscar's own views.


def fill(key):
    """Set up a shop and buy something in it; return what was made."""
    from oscar.apps.order.models import Order

    from tenantry import override_tenant

    boss = boss_of(key, new=True)
    categories = categorize(boss, key)
    product = stock(boss, key, categories["Boots"])
    voucher(boss, key)
    order(key, product)
    with override_tenant(key):
        sold = Order.objects.get()
        line = sold.lines.get()
    return {
        "categories": categories,
        "product": product,
        "order": [sold.pk, line.pk, line.product_id, sold.user_id],
        "number": sold.number,
        "total": str(sold.total_incl_tax),
        "session": boss.cookies["sessionid"].value,
    }


def boss_of(key, *, new=False):
    """Return the browser of a tenant's logged-in owner."""
    from django.contrib.auth.models import User

    from tenantry import override_tenant

    facts = {"email": f"boss@{key}.com", "password": f"secret of {key}"}
    if new:
        with override_tenant(key):
            User.objects.create_superuser("boss", **facts)
    boss = client(key)
    answer = send(
        boss,
        "/accounts/login/",
        **{
            "login-username": facts["email"],
            "login-password": facts["password"],
            "login_submit": "1",
        },
    )
    assert answer.headers["Location"] == "/dashboard/"
    return boss


def categorize(boss, key):
    """Make a tree of categories, move a branch of it; return their ids."""
    from oscar.apps.catalogue.models import Category

    from tenantry import override_tenant

    def place(url, **changed):
        send(boss, f"/dashboard/catalogue/categories/{url}/", **changed)

    first = {"treebeard_position": "first-child"}
    for name in ("Shoes", "Boots", "Hats"):
        text = f"{name} of {key}"
        place("create", name=name, slug=name.lower(), description=text, **first)
    with override_tenant(key):
        ids = dict(Category.objects.values_list("name", "pk"))
    place(f"{ids['Boots']}/update", treebeard_ref_node=ids["Shoes"], **first)
    return ids


def stock(boss, key, category):
    """Make a product with attributes and stock; return its id."""
    from oscar.apps.address.models import Country
    from oscar.apps.catalogue.models import Product
    from oscar.apps.partner.models import Partner

    from tenantry import override_tenant

    attributes = {
        "attributes-0-name": "Colour",
        "attributes-0-code": "colour",
        "attributes-1-name": "Size",
        "attributes-1-code": "size",
        "attributes-1-type": "integer",
    }
    send(
        boss,
        "/dashboard/catalogue/product-type/create/",
        name="Footwear",
        requires_shipping="on",
        track_stock="on",
        **attributes,
    )
    send(boss, "/dashboard/partners/create/", name=f"Partner of {key}")
    with override_tenant(key):
        partner = Partner.objects.get().pk
        Country.objects.create(
            iso_3166_1_a2="NL", printable_name=f"NL of {key}", is_shipping_country=True
        )
    product = {
        "title": f"Boot of {key}",
        "upc": "B1",
        "attr_colour": f"red of {key}",
        "attr_size": "43",
        "productcategory_set-0-category": category,
        "stockrecords-0-partner": partner,
        "stockrecords-0-partner_sku": "sku",
        "stockrecords-0-price": "10",
        "stockrecords-0-num_in_stock": "9",
    }
    send(boss, "/dashboard/catalogue/products/create/footwear/", **product)
    with override_tenant(key):
        return Product.objects.get().pk


def voucher(boss, key):
    """Make an offer on all shoes, and a voucher for it."""
    from oscar.apps.catalogue.models import Category
    from oscar.apps.offer.models import Benefit, Condition, ConditionalOffer, Range

    from tenantry import override_tenant

    with override_tenant(key):
        shoes = Range.objects.create(name="Shoes")
        shoes.included_categories.add(Category.objects.get(name="Shoes"))
        offer = ConditionalOffer.objects.create(
            name=f"Sale of {key}",
            condition=Condition.objects.create(range=shoes, type="Count", value=1),
            benefit=Benefit.objects.create(
                range=shoes, type="Percentage", value={"acme": 20, "globex": 30}[key]
            ),
            offer_type=ConditionalOffer.VOUCHER,
        )
    send(
        boss,
        "/dashboard/vouchers/create/",
        name=f"Voucher of {key}",
        code="SAVE",
        start_datetime="2020-01-01 00:00",
        end_datetime="2099-01-01 00:00",
        usage="Multi-use",
        offers=[offer.pk],
    )


def order(key, product):
    """Register as a customer, and buy."""
    shopper = client(key)
    registration = {
        "registration-email": "buyer@example.com",
        "registration-password1": "correct horse 9",
        "registration-password2": "correct horse 9",
        "registration_submit": "1",
    }
    send(shopper, "/accounts/login/", **registration)
    shopper.post(f"/basket/add/{product}/", {"quantity": "2"})
    basket = shopper.post("/basket/vouchers/add/", {"code": "save"}, follow=True)
    assert f"Voucher of {key}" in basket.content.decode(), errors(basket)
    address = {"first_name": "B", "last_name": "Uyer", "line1": "Street 1"}
    send(
        shopper,
        "/checkout/shipping-address/",
        line4="City",
        postcode="1234 AB",
        **address,
    )
    assert shopper.get("/checkout/shipping-method/", follow=True).status_code == 200
    done = shopper.post("/checkout/preview/", {"action": "place_order"})
    assert done.headers.get("Location") == "/checkout/thank-you/", errors(done)


# --- What each finds.


def test_ids_collide(project):
    """The premise: nothing but the tenant tells the two shops apart."""
    first, second = (project.filled[key] for key in KEYS)
    for name in ("categories", "product", "order", "number"):
        assert first[name] == second[name]
    assert first["session"] != second["session"]


def test_each_offer_counts_for_its_own_shop(project):
    """A range finds its products by a tree of categories, here by the view of them."""
    totals = {key: project.filled[key]["total"] for key in KEYS}
    assert totals == PRICES


def fetch(key, *paths, login=True):
    """Return the text of pages of a tenant."""
    browser = boss_of(key) if login else client(key)
    pages = [browser.get(path, follow=True) for path in paths]
    assert [page.status_code for page in pages] == [200] * len(paths), errors(pages[0])
    return [page.content.decode() for page in pages]


@pytest.mark.parametrize("key", KEYS)
def test_each_serves_its_own_shop(project, key):
    made = project.filled[key]
    boots = made["categories"]["Boots"]
    product, search, missed, category = project.call(
        fetch,
        key,
        f"/catalogue/any_{made['product']}/",
        f"/search/?q={key}",
        f"/search/?q={other(key)}",
        f"/catalogue/category/shoes/boots_{boots}/",
        login=False,
    )
    assert f"Boot of {key}" in product
    assert f"red of {key}" in product
    assert f"Boot of {key}" in search
    assert "Boot of" not in missed
    assert f"Boots of {key}" in category
    assert other(key) not in product + search + category


@pytest.mark.parametrize("key", KEYS)
def test_each_dashboard_shows_its_own(project, key):
    orders, partners, products, report = project.call(
        fetch,
        key,
        f"/dashboard/orders/{project.filled[key]['number']}/",
        "/dashboard/partners/",
        "/dashboard/catalogue/?title=boot",
        "/dashboard/reports/?report_type=order_report&download=1",
    )
    assert f"Boot of {key}" in orders
    assert f"Partner of {key}" in partners
    assert f"Boot of {key}" in products
    assert report.count("\n") == 2
    assert PRICES[key] in report
    assert other(key) not in orders + partners + products + report


def test_in_one_process_they_do_not_mix(project):
    texts = project.call(both, project.filled["acme"]["product"])
    for key, text in zip(KEYS * 2, texts, strict=True):
        assert f"Boot of {key}" in text
        assert other(key) not in text


def both(product):
    """Fetch of both in one process, twice: what is cached is the other's."""
    path = f"/catalogue/any_{product}/"
    return [fetch(key, path, login=False)[0] for key in KEYS * 2]


def test_without_the_switch_the_other_is_served(project):
    """The negative control: the same URL leads to the other's product."""
    text = project.call(unswitched, project.filled["acme"]["product"])
    assert "Boot of acme" in text
    assert "globex" not in text


def unswitched(product):
    """Fetch of globex with the middleware's switch of tenants broken."""
    from tenantry import middleware, override_tenant

    middleware.override_tenant = lambda _: override_tenant("acme")
    return fetch("globex", f"/catalogue/any_{product}/", login=False)[0]


@pytest.mark.parametrize("key", KEYS)
def test_moving_a_branch_leaves_the_other_tree(project, key):
    """treebeard moves by raw SQL on paths, which are the same in both."""
    before = project.call(paths, other(key))
    ids = project.filled[key]["categories"]
    project.call(move, key, ids["Boots"], ids["Hats"])
    assert project.call(paths, key)["Boots"] != before["Boots"]
    assert project.call(paths, other(key)) == before
    project.call(move, key, ids["Boots"], ids["Shoes"])
    assert project.call(paths, key) == before


def move(key, branch, target):
    """Move a category under another."""
    from oscar.apps.catalogue.models import Category

    from tenantry import override_tenant

    with override_tenant(key):
        Category.objects.get(pk=branch).move(
            Category.objects.get(pk=target), "first-child"
        )
        assert Category.find_problems() == ([], [], [], [], [])


def paths(key):
    """Return the paths of a tenant's categories."""
    from oscar.apps.catalogue.models import Category

    from tenantry import override_tenant

    with override_tenant(key):
        return dict(Category.objects.values_list("name", "path"))


@pytest.mark.parametrize("key", KEYS)
def test_the_view_of_categories_holds_its_own(project, key):
    """Oscar keeps a materialized view on PostgreSQL, and refreshes it by raw SQL."""
    if project.isolation == "sqlite":
        return  # Oscar has no such view there, and asks the tables
    made = project.filled[key]
    expected = sorted(made["categories"][name] for name in ("Shoes", "Boots"))
    found = project.call(viewed, key, made["product"], made["categories"]["Hats"])
    assert found == [expected, sorted([*expected, made["categories"]["Hats"]])]


def viewed(key, product, category):
    """Return the product's categories by the view, and then with one more."""
    from django.db import transaction
    from oscar.apps.catalogue.models import ProductCategory, ProductCategoryHierarchy

    from tenantry import override_tenant

    rows = ProductCategoryHierarchy.objects.order_by("category_id")
    with override_tenant(key), transaction.atomic():
        before = list(rows.values_list("category_id", flat=True))
        ProductCategory.objects.create(product_id=product, category_id=category)
        after = list(rows.values_list("category_id", flat=True))
        transaction.set_rollback(True)
    return before, after


def test_a_session_of_one_is_worthless_in_the_other(project):
    assert (
        project.call(dashboard_with, "acme", project.filled["acme"]["session"]) == 200
    )
    assert (
        project.call(dashboard_with, "globex", project.filled["acme"]["session"]) == 302
    )


def dashboard_with(key, session):
    """Return how the dashboard answers to a session's key."""
    from django.conf import settings

    browser = client(key)
    browser.cookies[settings.SESSION_COOKIE_NAME] = session
    return browser.get("/dashboard/").status_code


def test_commands_act_on_one(project):
    """Oscar's own command: it rates products by how often each was bought."""
    command = ["tenants", "run", "--only", "acme", "--", "oscar_calculate_scores"]
    project.manage(*command).ok()
    assert project.call(scores, "acme") > [0.0]
    assert project.call(scores, "globex") == [0.0]


def scores(key):
    from oscar.apps.analytics.models import ProductRecord

    from tenantry import override_tenant

    with override_tenant(key):
        return list(ProductRecord.objects.values_list("score", flat=True))


def test_the_fleet_is_current(project):
    assert "2 active and current" in project.manage("tenants", "status").ok().out


def test_nothing_of_oscar_is_shared(project):
    assert project.call(sites.shared_tables) == []
