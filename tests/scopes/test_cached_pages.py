"""What Django keeps of pages, content types and permissions is each tenant's own."""

import pytest
from django.conf import settings
from django.contrib.auth.models import Permission, User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import caches
from django.test import Client, override_settings

from tenantry import override_tenant
from tenantry.exceptions import WrongTenant
from tests.scopes import sandwich
from tests.scopes.sandwich import Leaked
from tests.world import ONE, new_key, replaced

LOCMEM = "django.core.cache.backends.locmem.LocMemCache"
TENANT_CACHE = "tenantry.scopes.cache.TenantCache"
HOST = "one.example.org"
WHOLE_SITE = [
    settings.MIDDLEWARE[0],
    "django.middleware.cache.UpdateCacheMiddleware",
    *settings.MIDDLEWARE[1:],
    "django.middleware.cache.FetchFromCacheMiddleware",
]
PAGES = {
    "page/": "`cache_page`",
    "varying/": "`cache_page` with `Vary` and `cache_control`",
    "fragment/": "`{% cache %}`",
    "plain/": "middleware for the whole site",
}
EACH = [
    pytest.param(
        path,
        marks=pytest.mark.service("Cached pages", name, by="the cache's keys"),
    )
    for path, name in PAGES.items()
]


@pytest.fixture
def pages(world, request):
    """Both tenants answer at one host, as with a header: only the cache parts them."""
    default = {
        "BACKEND": TENANT_CACHE,
        "LOCATION": new_key(),
        "OPTIONS": {"BACKEND": LOCMEM},
    }
    if request.node.name.startswith("test_control"):
        default = {"BACKEND": LOCMEM, "LOCATION": new_key()}
    changed = {
        "CACHES": {"default": default},
        "ROOT_URLCONF": "tests.scopes.cache_urls",
        "ALLOWED_HOSTS": [HOST],
        "TENANTRY": {
            **settings.TENANTRY,
            "RESOLVERS": ["tenantry.routing.HeaderResolver"],
        },
    }
    with override_settings(**changed):
        yield world


def get(tenant, path):
    headers = {"host": HOST, "x-tenant": tenant.key}
    return Client().get(f"/{path}", headers=headers).content.decode()


def each_twice(world, path):
    """Return what each tenant is shown first, and then again."""
    with override_settings(**({"MIDDLEWARE": WHOLE_SITE} if path == "plain/" else {})):
        first = [get(tenant, path) for tenant in (world.a, world.b)]
        again = [get(tenant, path) for tenant in (world.a, world.b)]
        with override_tenant(world.a):
            caches["default"].clear()
        cleared = [get(tenant, path) for tenant in (world.a, world.b)]
    return first, again, cleared


@pytest.mark.parametrize("path", EACH)
def test_a_cached_page_is_each_tenants_own(pages, path):
    first, again, cleared = each_twice(pages, path)
    assert first[0].startswith(f"{pages.a.key} ")
    assert first[1].startswith(f"{pages.b.key} ")
    assert again == first  # it was cached
    assert cleared[0] != first[0]  # and cleared in one tenant
    assert cleared[1] == first[1]  # and not in the other


@pytest.mark.parametrize("path", PAGES)
def test_control_without_the_scope_it_is_the_first_ones(pages, path):
    first, _, _ = each_twice(pages, path)
    assert first[1].startswith(f"{pages.a.key} ")


# --- What Django keeps in the process


PK = 900_001


@pytest.fixture
def types(world):
    """The same id is one content type in one tenant and another in the next."""
    yield world
    for place in (None, world.a, world.b):
        with override_tenant(place):
            ContentType.objects.filter(pk=PK).delete()
            ContentType.objects.clear_cache()


def write(value):
    manager = ContentType.objects
    manager.filter(pk=PK).delete()
    manager.create(pk=PK, app_label="trial", model=value)
    manager._cache.pop(manager.db, None)
    assert read() == value  # kept from now on


def read():
    return ContentType.objects.get_for_id(PK).model


@pytest.mark.service("Content types", "their cache", by="its alias names the tenant")
def test_content_types_are_kept_for_each_tenant(types):
    sandwich.check(write, read, types.a, types.b)


class OneForAll(dict):
    """Stands for a cache of content types that does not ask for whom they are."""

    def setdefault(self, _alias, default=None):
        return super().setdefault("all", default)

    def __getitem__(self, _alias):
        return super().__getitem__("all")

    def pop(self, _alias, default=None):
        return super().pop("all", default)


def test_control_content_types_kept_for_all_are_mixed_up(types):
    one_for_all = replaced(ContentType.objects, "_cache", OneForAll())
    with one_for_all, pytest.raises(Leaked):
        sandwich.here(write, read, [None, types.a, types.b])


@pytest.mark.service("Permissions", "kept on the user", by="the user is one tenant's")
def test_permissions_that_a_user_keeps_are_those_of_its_tenant(world):
    permission = {"codename": "change_book"}
    for place, allowed in ((world.a, True), (world.b, False)):
        with override_tenant(place):
            given = Permission.objects.filter(**permission) if allowed else []
            User.objects.get(pk=ONE).user_permissions.set(given)
    for _ in range(2):
        for place, allowed in ((world.a, True), (world.b, False)):
            with override_tenant(place):
                user = User.objects.get(pk=ONE)
                for _ in range(2):  # asked, then kept
                    assert user.has_perm("shop.change_book") is allowed
    with override_tenant(world.a), pytest.raises(WrongTenant):
        user.refresh_from_db()
