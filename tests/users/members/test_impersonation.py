"""Shared staff act as shared users who are members of tenants."""

from contextvars import ContextVar

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client

from tenantry import override_tenant
from tenantry.exceptions import ImpersonationRefused
from tenantry.scopes import handover
from tenantry.users import impersonation
from tenantry.users.models import Membership
from tests.geo.models import Country
from tests.shop.models import Tag
from tests.users import desk as support
from tests.users.desk import acting_as, acts, host_of, row
from tests.world import replaced


@pytest.fixture
def desk(database, django_db_blocker):
    """Two tenants that have one member, the same in both."""

    def member(tenant):
        with override_tenant(None):
            user, _ = User.objects.get_or_create(username="ann")
            Membership.objects.create(tenant=tenant, user=user)
            return user.pk

    with django_db_blocker.unblock(), support.desk(member) as made:
        yield made


def member(desk):
    return User.objects.get(pk=desk.targets[desk.a.key])


def test_staff_act_as_the_member(desk):
    answer = desk.get(desk.begin())
    assert acting_as(answer)
    assert answer.wsgi_request.user.pk == desk.targets[desk.a.key]


def test_nobody_acts_as_themselves(desk):
    Membership.objects.create(tenant=desk.a, user=desk.staff)
    with pytest.raises(ImpersonationRefused, match="themselves"):
        desk.start(pk=desk.staff.pk)


@pytest.mark.parametrize("codename", ["impersonate", "enter_tenants"])
def test_nobody_acts_as_who_has_rights_over_tenants(desk, codename):
    member(desk).user_permissions.add(Permission.objects.get(codename=codename))
    with pytest.raises(ImpersonationRefused, match="staff of the shared site"):
        desk.start()


@pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
def test_nobody_acts_as_staff_of_the_shared_site(desk, flag):
    User.objects.filter(pk=member(desk).pk).update(**{flag: True})
    with pytest.raises(ImpersonationRefused, match="staff of the shared site"):
        desk.start()
    with replaced(impersonation, "refuse", lambda *_users: None):
        assert desk.start()


def test_who_becomes_staff_meanwhile_is_not_acted_as(desk):
    url = desk.start()
    User.objects.filter(pk=member(desk).pk).update(is_staff=True)
    assert desk.follow(Client(), url).status_code == 403


@pytest.fixture
def takes_links():
    """Let a page of the tenants stand for the one that takes links."""
    with replaced(handover, "URL_NAME", "page"):
        yield


def test_who_acts_as_a_member_does_not_enter_their_other_tenants(desk, takes_links):
    answer = desk.get(desk.begin(), f"/pages/enter/?key={desk.b.key}")
    assert answer.status_code == 403


def test_without_the_guard_they_would(desk, takes_links):
    client = desk.begin()
    with replaced(handover, "ACTING", ContextVar("nobody", default=None)):
        answer = desk.get(client, f"/pages/enter/?key={desk.b.key}")
    assert answer["Location"].startswith(f"https://{host_of(desk.b)}/")


def test_a_link_that_was_made_for_another_tenant_stays_its_own(desk):
    answer = desk.follow(Client(), desk.start(desk.b), host=host_of(desk.a))
    assert answer.status_code == 403
    assert row().started_at is None


def test_the_session_of_one_tenant_is_none_of_the_other(desk):
    client = desk.begin()
    answer = desk.get(client, tenant=desk.b)
    assert not answer.wsgi_request.user.is_authenticated
    assert b"acts as" not in answer.content


def test_what_is_rolled_back_did_not_happen_where_one_database_says_so(desk, settings):
    client = desk.begin()
    before = len(acts())
    client.raise_request_exception = False
    desk.get(client, "/pages/write/?way=undone")
    with override_tenant(desk.a):
        assert not Tag.objects.exists()
    same = "postgresql" in settings.DATABASES["default"]["ENGINE"]
    assert len(acts()) - before == (0 if same else 1)
    assert acts("request")[-1].facts["status"] == 500


def test_changes_of_shared_rows_are_recorded_as_well(desk):
    desk.get(desk.begin(), "/pages/write/?way=shared")
    pk = Country.objects.get(name="Utopia").pk
    Country.objects.all().delete()
    assert [each.target for each in acts()] == [f"geo.Country {pk}"]


def test_a_change_stays_recorded_when_what_follows_is_rolled_back(desk):
    client = desk.begin()
    client.raise_request_exception = False
    desk.get(client, "/pages/write/?way=then_undone")
    with override_tenant(desk.a):
        assert Tag.objects.get().name == "kept"
    assert "shop.Tag 9" in [each.target for each in acts()]


def test_the_key_of_a_session_is_not_written_down(desk):
    client = desk.begin()
    key = client.cookies["sessionid"].value
    client.post("/people/impersonation/end/", headers={"host": host_of(desk.a)})
    changes = [each for each in acts() if each.target.startswith("sessions.Session")]
    assert changes
    assert key not in str([(each.target, each.facts) for each in acts()])
