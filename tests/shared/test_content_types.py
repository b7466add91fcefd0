"""Content types, permissions and groups: tenants' own, shared, or both; all right."""

import pytest

from tests.lifecycle import acts
from tests.projects import ISOLATIONS, PROVE, Project

KEYS = ("acme", "globex")
OF_DJANGO = {"admin", "auth", "contenttypes", "sessions"}
OF_PROJECT = {"customers", "geo", "tenantry"}
LAYOUTS = {
    "tenants": ({"customers", "geo"}, OF_DJANGO | {"shop"}),
    "shared": ({"customers", "geo"} | OF_DJANGO, {"shop"}),
    "both": ({"customers", "geo"} | OF_DJANGO, OF_DJANGO | {"shop"}),
}
SQLITE, SCHEMA, ROW = ISOLATIONS[:3]
# Shared content types in another database cannot be referred to by notes: E030.
CASES = PROVE * [("tenants", ROW), ("shared", ROW), ("both", SCHEMA)] + [
    ("tenants", SQLITE),
    ("tenants", SCHEMA),
    ("shared", SCHEMA),
    ("both", SQLITE),
]
BY = "where `auth` and `contenttypes` are"
pytestmark = pytest.mark.service(
    "Content types, permissions, groups", "Django's", by=BY
)


def case(layout, isolation):
    marks = getattr(isolation, "marks", ())
    name = getattr(isolation, "values", [isolation])[0]
    return pytest.param((layout, name), marks=marks, id=f"{layout}-{name}")


@pytest.fixture(scope="module", params=[case(*each) for each in CASES])
def project(request, tmp_path_factory):
    layout, isolation = request.param
    made = Project(isolation, tmp_path_factory.mktemp("types") / "p")
    shared, tenants = LAYOUTS[layout]
    made.settings["TENANTRY"]["SHARED_APPS"] = sorted(shared)
    made.settings["TENANTRY"]["TENANT_APPS"] = sorted(tenants)
    made.layout = layout
    made.manage("migrate", "-v0").ok()
    for key in KEYS:
        made.call(acts.provision, key)
    yield made
    made.close()


def places(layout):
    """Return where users are: in tenants, on the shared site, or in all three."""
    return {"tenants": KEYS, "shared": (None,), "both": (None, *KEYS)}[layout]


def test_permissions_are_those_of_the_apps_there(project):
    for place in places(project.layout):
        found = project.call(apps_with_permissions, place)
        expected = OF_DJANGO | OF_PROJECT
        if place or project.layout == "shared":
            expected |= {"shop"}
        assert set(found) == expected, place


def apps_with_permissions(place):
    from django.contrib.auth.models import Permission
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant

    with override_tenant(place):
        types = set(ContentType.objects.values_list("app_label", flat=True))
        codes = Permission.objects.values_list("content_type__app_label", flat=True)
        assert types == set(codes)
        return sorted(types)


def test_a_group_gives_its_permissions_where_it_is(project):
    found = project.call(members, project.layout)
    if project.layout == "shared":
        assert found == {"shared": True, "acme": True, "globex": True}
    else:
        assert found == {"acme": True, "globex": False}


def members(layout):
    from django.contrib.auth.models import Group, Permission, User

    from tenantry import override_tenant

    first = None if layout == "shared" else "acme"
    with override_tenant(first):
        editors = Group.objects.create(pk=7, name="editors")
        editors.permissions.add(Permission.objects.get(codename="change_book"))
    for place in places(layout):
        with override_tenant(place):
            user = User.objects.create_user("ann", pk=7)
            group, _ = Group.objects.get_or_create(pk=7, name="editors")
            user.groups.add(group)
    found = {}
    for place in (None, *KEYS) if layout == "shared" else KEYS:
        with override_tenant(place):
            user = User.objects.get(pk=7)
            found[place or "shared"] = user.has_perm("shop.change_book")
    return found


def test_a_generic_key_finds_the_tenants_object_and_a_shared_one(project):
    assert project.call(notes) == {
        "acme": ["Ann of acme", "Land", "Ann of acme"],
        "globex": ["Ann of globex", "Land", "Ann of globex"],
    }


def notes():
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant
    from tests.geo.models import Country
    from tests.shop.models import Author, Note

    country = Country.objects.create(pk=7, name="Land")
    for key in KEYS:
        with override_tenant(key):
            ann = Author.objects.create(pk=7, name=f"Ann of {key}")
            Note.objects.create(pk=7, text="x", about=ann)
            Note.objects.create(pk=8, text="y", about=country)
    found = {}
    for key in KEYS:
        ContentType.objects.clear_cache()
        with override_tenant(key):
            about = [note.about.name for note in Note.objects.order_by("pk")]
            author = ContentType.objects.get_for_model(Author)
            again = author.get_object_for_this_type(pk=7)
            found[key] = [*about, again.name]
            assert Author.objects.get(pk=7).notes.count() == 1
    return found


def test_numbers_that_differ_are_not_mixed_up(project):
    if project.layout == "shared":
        assert project.call(numbers) == [True, True]
    else:
        assert project.call(renumbered) == ["author", "tag", "author"]


def numbers():
    """Whether the content type is one and the same, from memory and by a query."""
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant
    from tests.shop.models import Author

    seen, kept = set(), set()
    for place in (None, *KEYS):
        with override_tenant(place):
            seen.add(ContentType.objects.get_for_model(Author).pk)
            kept.add(ContentType.objects.get(app_label="shop", model="author").pk)
    return len(seen) == 1, seen == kept


def renumbered():
    """Give one tenant other numbers; ask both for one number, by turns."""
    from django.contrib.contenttypes.models import ContentType

    from tenantry import override_tenant
    from tests.shop.models import Author

    with override_tenant("acme"):
        number = ContentType.objects.get_for_model(Author).pk
    with override_tenant("globex"):
        types = ContentType.objects.filter(app_label="shop")
        mine = types.get(model="author").pk
        types.filter(pk=mine).update(model="was-author")
        types.filter(model="tag").update(model="author")
        types.filter(pk=mine).update(model="tag")
        ContentType.objects.clear_cache()
    found = []
    for key in ("acme", "globex", "acme"):
        with override_tenant(key):
            wanted = number if key == "acme" else mine
            found.append(ContentType.objects.get_for_id(wanted).model)
    return found
