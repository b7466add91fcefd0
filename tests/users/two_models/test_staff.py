"""Staff of the shared site are of a model of their own; tenants keep theirs."""

import asyncio

import pytest
from django.contrib import auth
from django.contrib.auth import authenticate, get_user_model
from django.contrib.auth.models import Group, Permission
from django.contrib.sessions.backends.db import SessionStore
from django.core.exceptions import ValidationError
from django.test import AsyncClient, Client, RequestFactory

from tenantry import override_tenant
from tenantry.models import AuditEntry
from tenantry.scopes.handover import hand_over
from tenantry.seams import staff as seam
from tenantry.users.counterparts import BACKEND, counterpart, may_enter, still_allowed
from tests.geo.models import Country
from tests.staff.models import Staff
from tests.world import ONE, drop, provision, replaced

User = get_user_model()
EMAIL = "same@example.org"


@pytest.fixture(autouse=True)
def urls(settings):
    settings.ROOT_URLCONF = "tests.users.two_models.urls"
    settings.TENANTRY = {
        **settings.TENANTRY,
        "SHARED_URLCONF": "tests.users.two_models.urls_shared",
    }


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock():
        made = [provision("a"), provision("b")]
        yield made
        Staff.objects.all().delete()
        User.objects.all().delete()
        drop(*made)


@pytest.fixture
def world(tenants, django_db_blocker):
    """Users everywhere, of one name, password, e-mail address and primary key."""
    with django_db_blocker.unblock():
        Staff.objects.all().delete()
        Staff.objects.create_user(EMAIL, "pw", code=str(ONE))
        for place in (None, *tenants):
            with override_tenant(place):
                User.objects.all().delete()
                User.objects.create_user(EMAIL, EMAIL, "pw", pk=ONE)
        yield tenants


@pytest.fixture
def staff(world):
    """Somebody who may enter every tenant."""
    staff = Staff.objects.get()
    assert staff.pk == str(ONE)
    staff.user_permissions.add(Permission.objects.get(codename="enter_tenants"))
    return staff


def host_of(place):
    return "example.com" if place is None else place.domains.get().host


def signed_in(staff):
    client = Client(headers={"host": host_of(None)})
    answer = client.post("/login/?next=/", {"username": staff.email, "password": "pw"})
    assert answer.status_code == 302
    return client


# The shared site


def test_staff_sign_in_there_and_are_who_asks(world, staff):
    client = signed_in(staff)
    answer = client.get("/whoami/")
    assert answer.content.decode() == EMAIL
    assert type(answer.wsgi_request.user._wrapped) is Staff


def test_a_user_of_the_other_model_is_nobody_there(world):
    Staff.objects.all().delete()
    assert User.objects.get(pk=ONE).check_password("pw")
    assert authenticate(username=EMAIL, password="pw") is None


def test_staff_are_nobody_in_a_tenant(world):
    with override_tenant(world[0]):
        User.objects.all().delete()
        assert authenticate(username=EMAIL, password="pw") is None


def test_tenants_users_sign_in_as_ever(world):
    with override_tenant(world[0]):
        assert type(authenticate(username=EMAIL, password="pw")) is User


def test_a_key_that_is_no_number_is_read_as_the_staffs(world):
    found = Staff.objects.create_user("sam@example.org", "pw", code="s-1")
    assert signed_in(found).get("/whoami/").content.decode() == found.email
    with (
        replaced(seam, "is_of_staff", lambda: False),
        pytest.raises(ValidationError, match="integer"),
    ):
        signed_in(found).get("/whoami/")


def test_a_key_is_read_so_in_asynchronous_requests_too(world):
    found = Staff.objects.create_user("sam@example.org", "pw", code="s-1")

    async def name():
        client = AsyncClient(headers={"host": host_of(None)})
        await client.aforce_login(found, BACKEND)
        request = RequestFactory().get("/")
        request.session = SessionStore(client.cookies["sessionid"].value)
        return (await auth.aget_user(request)).email

    assert asyncio.run(name()) == found.email


def test_permissions_are_those_of_the_staffs_groups(world, staff):
    group, _ = Group.objects.get_or_create(name="readers")
    group.permissions.add(Permission.objects.get(codename="view_country"))
    staff.groups.add(group)
    found = Staff.objects.get()
    assert found.has_perm("geo.view_country")
    assert not found.has_perm("geo.change_country")
    assert found.has_module_perms("geo")
    assert found.get_all_permissions() == {
        "geo.view_country",
        "tenantry.enter_tenants",
    }


def test_the_admin_serves_them_and_writes_its_log_in_the_audit(world, staff):
    Staff.objects.update(is_superuser=True)
    found = Staff.objects.create_user(
        "sam@example.org", "pw", code="s-1", is_superuser=True
    )
    client = signed_in(found)
    assert client.get("/admin/").status_code == 200
    answer = client.post("/admin/geo/country/add/", {"name": "Utopia"})
    assert answer.status_code == 302
    country = Country.objects.get(name="Utopia")
    entry = AuditEntry.objects.latest("pk")
    assert (entry.action, entry.target) == ("admin.added", str(country))
    assert (entry.actor, entry.actor_pk) == (found.email, "s-1")
    assert entry.facts["pk"] == str(country.pk)
    client.post(f"/admin/geo/country/{country.pk}/delete/", {"post": "yes"})
    assert AuditEntry.objects.latest("pk").action == "admin.deleted"


# Tenants


def test_the_shared_sites_cookie_opens_no_tenant(world, staff):
    client = signed_in(staff)
    answer = client.get("/whoami/", headers={"host": host_of(world[0])})
    assert answer.content == b"nobody"


def test_a_session_of_staff_in_a_tenant_is_not_its_user_of_that_key(
    world, staff, settings
):
    a, _ = world
    held = dict(signed_in(staff).session)
    assert held["_auth_user_id"] == str(ONE)
    for backend in settings.AUTHENTICATION_BACKENDS:
        request = RequestFactory().get("/")
        with override_tenant(a):
            request.session = SessionStore()
            request.session.update({**held, "_auth_user_backend": backend})
            request.session.save()
            assert not auth.get_user(request).is_authenticated


def test_staff_enter_as_their_counterpart_and_not_as_who_has_their_key(world, staff):
    a, _ = world
    with override_tenant(None):
        url = hand_over(Staff.objects.get(), a)
    client = Client(headers={"host": host_of(a)})
    assert client.get(url.partition(host_of(a))[2]).status_code == 302
    name = client.get("/whoami/").content.decode()
    assert name.startswith(f"{EMAIL}~")
    with override_tenant(a):
        assert User.objects.get(username=name).pk != ONE
    entry = AuditEntry.objects.filter(action="user.signed_in").latest("pk")
    assert (entry.tenant_key, entry.actor) == (a.key, EMAIL)
    assert (entry.actor_pk, entry.actor_place) == (str(ONE), "")
    assert entry.facts == {"as_user": name}


def test_the_right_to_enter_is_the_staffs_and_no_namesakes(world, staff):
    a, _ = world
    assert may_enter(Staff.objects.get(), a)
    User.objects.update(is_superuser=True)
    assert not may_enter(User.objects.get(pk=ONE), a)
    with override_tenant(a):
        User.objects.update(is_superuser=True)
        assert not may_enter(User.objects.get(pk=ONE), a)


def test_their_session_ends_with_the_right(world, staff):
    a, _ = world
    with override_tenant(a):
        local = counterpart(Staff.objects.get(), a)
        request = RequestFactory().get("/")
        request.session = SessionStore()
        auth.login(request, local)
        assert still_allowed(request)
        with override_tenant(None):
            Staff.objects.update(is_active=False)
        assert not still_allowed(request)
