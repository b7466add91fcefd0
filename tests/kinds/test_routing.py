"""Each kind has its own URLs: in requests, and for names reversed outside of them."""

import pytest

from tests.kinds.conftest import ALL

pytestmark = pytest.mark.postgres


def ask(paths):
    """Return status and text of each path, for the host of each tenant."""
    from django.test import Client

    found = {}
    for key in ALL:
        client = Client(headers={"host": f"{key}.example.com"})
        answers = [client.get(path) for path in paths]
        found[key] = [
            answer.content.decode() if answer.status_code == 200 else answer.status_code
            for answer in answers
        ]
    return found


def test_each_kind_serves_its_own_urls(world):
    for key, said in world.call(ask, ["/", "/blog/", "/board/"]).items():
        kind = ALL[key][1]
        assert (
            said
            == {
                "default": [f"{key}|{key}|of {key}", 404, 404],
                "blog": [404, f"blog|{key}|/blog/|of {key}", 404],
                "board": [404, 404, f"board|{key}|/board/|of {key}"],
            }[kind]
        )


def names_of(threads):
    """Reverse a name in each tenant, outside of requests and after one."""
    import asyncio
    import threading

    from django.test import Client
    from django.urls import reverse

    from tenantry import bind_tenant, override_tenant
    from tests.customers.models import Tenant

    async def later():
        await asyncio.sleep(0)
        return reverse("authors")

    found = {}
    for key in ALL:
        Client(headers={"host": "globex.example.com"}).get("/blog/")
        with override_tenant(key):
            said = [reverse("authors"), asyncio.run(later())]
            if threads:
                act = bind_tenant(lambda said=said: said.append(reverse("authors")))
                thread = threading.Thread(target=act)
                thread.start()
                thread.join()
        found[key] = [*said, Tenant.objects.get(key=key).url("authors")]
    return found


def test_names_are_reversed_by_the_kind_of_the_active_tenant(world):
    paths = {"default": "/", "blog": "/blog/", "board": "/board/"}
    for key, said in world.call(names_of, True).items():
        path = paths[ALL[key][1]]
        assert said == [path, path, path, f"https://{key}.example.com{path}"]


def names_without_the_seam():
    from django.urls import base

    from tests.world import without_seam

    with without_seam(base, "get_urlconf"):
        return names_of(False)


def test_without_the_seam_names_are_those_of_the_root(world):
    found = world.call(names_without_the_seam)
    assert {said[0] for said in found.values()} == {"/"}


def names_in_requests():
    """Reverse, in a request of one tenant, with a tenant of another kind active."""
    import blog_urls
    from django.test import Client
    from django.urls import get_urlconf, path, reverse

    from tenantry import override_tenant

    def nested(request):
        from django.http import JsonResponse

        with override_tenant("umbrella"):
            inside = reverse("authors")
        return JsonResponse([reverse("authors"), inside], safe=False)

    blog_urls.urlpatterns.append(path("nested/", nested))
    said = Client(headers={"host": "globex.example.com"}).get("/nested/").json()
    return said, get_urlconf()


def test_in_a_request_names_are_those_of_the_request(world):
    """As Django has it: use `tenant.url()` for another tenant's."""
    assert world.call(names_in_requests) == [["/blog/", "/blog/"], None]


def imported_at_start():
    """Return whether the URLconfs are imported when the middleware is made."""
    import sys

    from tenantry.middleware import TenantMiddleware

    before = {name: name in sys.modules for name in ("blog_urls", "board_urls")}
    TenantMiddleware(print)
    return before, {name: name in sys.modules for name in before}


def test_the_urlconfs_are_imported_before_the_first_request(world):
    before, after = world.call(imported_at_start)
    assert not any(before.values())
    assert all(after.values())


@pytest.mark.parametrize("key", ["acme", "globex", "hq"])
def test_explain_says_kind_and_urlconf(world, key):
    out = world.manage("tenants", "explain", f"https://{key}.example.com/").ok().out
    placement, kind = ALL[key]
    urlconf = {"default": "tests.urls", "blog": "blog_urls", "board": "board_urls"}
    assert f"kind: {kind}\n" in out
    assert f"urlconf: {urlconf[kind]}\n" in out
    assert f"placement: {placement} " in out
