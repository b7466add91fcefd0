"""Requests: each is answered with its tenant's rows, to the last byte."""

import asyncio
import re

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tenantry import get_tenant, middleware, override_tenant
from tenantry.exceptions import WrongTenant
from tests.clients import AnyHost
from tests.world import ONE, in_threads, replaced, run


def host(tenant):
    """Return the headers of a request to the tenant."""
    return {"host": f"{tenant.key}.example.org"}


def get(tenant, path="/", client=None):
    """Return the response to a request to the tenant."""
    return (client or Client()).get(path, headers=host(tenant))


def both(world):
    """Return the tenants, each with the end of its rows' names."""
    return ((world.a, "a"), (world.b, "b"), (world.a, "a"))


def test_each_host_shows_its_own_rows(world):
    for tenant, name in both(world):
        response = get(tenant)
        assert response.content.decode() == (
            f"{tenant.key}|{tenant.key}|Ann of {name},Bob of {name}"
        )
        assert get_tenant() is None


def test_a_form_with_a_queryset_at_class_level_shows_its_own_rows(world):
    for tenant, name in both(world):
        choices = get(tenant, "/form/").content.decode()
        assert re.findall(r"of (\w)", choices) == [name, name]


def test_a_streaming_response_keeps_its_tenant(world):
    of_a, of_b = get(world.a, "/stream/"), get(world.b, "/stream/")
    parts = [iter(of_a.streaming_content), iter(of_b.streaming_content)]
    with override_tenant(world.b):
        seen = [next(parts[0]), next(parts[1]), next(parts[0]), next(parts[1])]
        assert get_tenant() == world.b.ref
    text = b"".join(seen).decode()
    assert text == (
        f"{world.a.key}:Ann of a;{world.b.key}:Ann of b;"
        f"{world.a.key}:Bob of a;{world.b.key}:Bob of b;"
    )
    assert next(parts[0], None) is next(parts[1], None) is None


def test_a_streaming_response_left_early_ends_in_its_tenant(world):
    response = get(world.a, "/stream/")
    next(iter(response.streaming_content))
    response.close()
    assert get_tenant() is None
    assert get(world.b).content.decode().endswith("Bob of b")


def test_control_without_the_seam_a_streaming_response_loses_its_tenant(world):
    def finish(_request, response, _found):
        return response

    with replaced(middleware, "finish", finish):
        response = get(world.a, "/stream/")
        with override_tenant(world.b):
            assert b"of b" in b"".join(response.streaming_content)


def test_an_asynchronous_streaming_response_keeps_its_tenant(world):
    async def whole():
        client = AnyHost()
        found = []
        for tenant in (world.a, world.b):
            response = await client.get("/astream/", headers=host(tenant))
            with override_tenant(world.b):
                found.append(
                    b"".join([p async for p in response.streaming_content]).decode()
                )
        return found

    found = run(whole())
    assert found == [
        f"{tenant.key}:Ann of {name};{tenant.key}:Bob of {name};"
        for tenant, name in both(world)[:2]
    ]


def test_asynchronous_requests_at_once_are_answered_each_in_its_tenant(world):
    async def whole():
        client = AnyHost()
        return await asyncio.gather(
            *(
                client.get("/async/", headers=host(tenant))
                for tenant in (world.a, world.b) * 5
            )
        )

    for number, response in enumerate(run(whole())):
        tenant, name = both(world)[number % 2]
        assert response.json() == {
            "tenant": tenant.key,
            "authors": [f"Ann of {name}"] * 3,
        }


def test_requests_in_threads_are_answered_each_in_its_tenant(world):
    def ask(tenant):
        return {get(tenant).content.decode() for _ in range(10)}

    of_a, of_b = in_threads(lambda: ask(world.a), lambda: ask(world.b))
    assert of_a == {f"{world.a.key}|{world.a.key}|Ann of a,Bob of a"}
    assert of_b == {f"{world.b.key}|{world.b.key}|Ann of b,Bob of b"}


def test_an_error_in_a_view_leaves_no_tenant_active(world):
    from tests import views

    def fail(_):
        raise ZeroDivisionError

    with replaced(views, "key", lambda: fail(None)), pytest.raises(ZeroDivisionError):
        get(world.a)
    assert get_tenant() is None
    assert get(world.b).content.decode().endswith("Bob of b")


def test_a_session_of_one_tenant_is_worthless_in_another(world):
    client = Client()
    assert get(world.a, "/login/", client).content == b"same"
    assert get(world.a, "/whoami/", client).content == b"same"
    assert get(world.b, "/whoami/", client).content == b"nobody"
    assert client.get("/", headers={"host": "example.com"}).status_code == 200


def test_the_same_session_key_in_both_is_two_sessions(world):
    of_a, of_b = Client(), Client()
    get(world.a, "/login/", of_a)
    key = of_a.cookies["sessionid"].value
    from django.contrib.sessions.models import Session

    with override_tenant(world.a):
        stolen = Session.objects.get(pk=key)
    with override_tenant(world.b):
        Session.objects.create(
            session_key=key,
            session_data=stolen.session_data,
            expire_date=stolen.expire_date,
        )
    of_b.cookies["sessionid"] = key
    # The user of that id in B has another password: the session's hash is not theirs.
    assert get(world.b, "/whoami/", of_b).content == b"nobody"
    assert get(world.a, "/whoami/", of_a).content == b"same"


def test_each_tenants_admin_shows_its_own_rows(world):
    for tenant, name in both(world)[:2]:
        with override_tenant(tenant):
            User.objects.filter(pk=ONE).update(
                is_staff=True, is_superuser=True, email=f"{name}@example.com"
            )
    for tenant, name, other in ((world.a, "a", "b"), (world.b, "b", "a")):
        client = Client()
        get(tenant, "/login/", client)
        page = get(tenant, "/admin/auth/user/", client).content.decode()
        assert f"{name}@example.com" in page
        assert f"{other}@example.com" not in page
        done = client.post(
            f"/admin/auth/user/{ONE}/delete/", {"post": "yes"}, headers=host(tenant)
        )
        assert done.status_code == 302
        with override_tenant(tenant):
            assert not User.objects.filter(pk=ONE).exists()
        if tenant is world.a:
            with override_tenant(world.b):
                assert User.objects.filter(pk=ONE).exists()


def test_permissions_of_one_tenants_user_are_not_asked_in_another(world):
    with override_tenant(world.a):
        user = User.objects.get(pk=ONE)
    with override_tenant(world.b), pytest.raises(WrongTenant):
        user.has_perm("shop.change_book")
    with override_tenant(world.b):
        assert not User.objects.get(pk=ONE).has_perm("shop.change_book")
    with override_tenant(world.a):
        assert user.has_perm("shop.change_book")


def test_the_shared_site_has_no_tenant(world):
    response = Client().get("/", headers={"host": "example.com"})
    assert response.content.decode() == "shared|None|-|Book"
