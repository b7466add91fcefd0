"""Shared staff sign in by the shared site; a tenant's own people at the tenant."""

import re

import pytest
from django.contrib.auth.models import Permission, User
from django.core import mail

from tenantry import override_tenant
from tenantry.models import SignOut
from tenantry.users import counterparts
from tenantry.users.models import Counterpart, Membership
from tests.users.browser import SHARED, Browser, at, log_in
from tests.world import ONE, replaced, two_tenants

ENTER = "/people/enter/"
EVERYWHERE = "/people/logout/everywhere/"


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


@pytest.fixture(autouse=True)
def staff(tenants):
    """In each place Ann has the same primary key and name; a password differs."""
    for place in (None, *tenants):
        with override_tenant(place):
            password = "shared" if place is None else f"pw of {place.key}"
            User.objects.create_user("ann", "ann@x.org", password, pk=ONE)
    yield User.objects.get(pk=ONE)
    for model in (Membership, Counterpart, SignOut):
        model.objects.all().delete()
    for place in (None, *tenants):
        with override_tenant(place):
            for user in User.objects.all():
                user.delete()


@pytest.fixture
def member(tenants, staff):
    """The shared Ann is a member of both tenants."""
    for each in tenants:
        Membership.objects.create(tenant=each, user=staff)
    return staff


def entered(tenants):
    """Return a browser in which the shared Ann is logged in, and in both tenants."""
    browser = Browser()
    log_in(browser, None, "ann", "shared")
    for each in tenants:
        browser.get(at(each, ENTER))
        assert is_staff(browser, each)
    return browser


def is_staff(browser, tenant):
    """Whether the tenant sees the shared Ann, as her counterpart."""
    return browser.name(tenant).startswith("ann~")


def on_shared_site(browser):
    return browser.ask("get", f"{SHARED}/people/tenants/").status_code == 200


def test_staff_enter_as_their_counterpart_and_customers_stay_who_they_are(
    member, tenants
):
    customer = Browser()
    log_in(customer, tenants[0], "ann", f"pw of {tenants[0].key}")
    entered(tenants)
    assert customer.name(tenants[0]) == "ann"
    assert customer.name(tenants[1]) == "nobody"


def test_each_password_is_good_in_its_place_alone(member, tenants):
    a = tenants[0]
    for place, password, sees in (
        (a, "shared", "nobody"),
        (a, f"pw of {tenants[1].key}", "nobody"),
        (a, f"pw of {a.key}", "ann"),
    ):
        browser = Browser()
        log_in(browser, place, "ann", password)
        assert browser.name(a) == sees
    browser = Browser()
    log_in(browser, None, "ann", f"pw of {a.key}")
    assert not on_shared_site(browser)


def test_a_tenant_of_which_staff_are_no_members_does_not_admit_to_existing(
    staff, tenants
):
    browser = Browser()
    log_in(browser, None, "ann", "shared")
    answer = browser.get(at(tenants[0], ENTER))
    nobody = browser.get(f"{SHARED}/people/authorize/?state=x")
    assert answer.status_code == nobody.status_code == 404
    assert answer.content == nobody.content
    assert browser.name(tenants[0]) == "nobody"
    assert Counterpart.objects.count() == 0


def test_who_may_enter_every_tenant_needs_no_membership(staff, tenants):
    staff.user_permissions.add(Permission.objects.get(codename="enter_tenants"))
    entered(tenants)


def test_the_login_of_a_customer_links_to_the_shared_site(tenants):
    page = Browser().get(at(tenants[0], "/people/login/")).content.decode()
    assert "Sign in by the shared site" in page


def test_a_membership_remembers_when_it_was_used(member, tenants):
    entered(tenants[:1])
    used = Membership.objects.exclude(last_entered_at=None)
    assert [each.tenant for each in used] == [tenants[0]]


@pytest.mark.parametrize("place", [None, 0])
def test_signing_out_everywhere_ends_staffs_sessions_in_all_places(
    member, tenants, place
):
    one, two = entered(tenants), entered(tenants)
    customer = Browser()
    log_in(customer, tenants[0], "ann", f"pw of {tenants[0].key}")
    one.post(at(None if place is None else tenants[place], EVERYWHERE))
    for browser in (one, two):
        assert not on_shared_site(browser)
        assert [browser.name(each) for each in tenants] == ["nobody", "nobody"]
    assert customer.name(tenants[0]) == "ann"
    assert is_staff(entered(tenants), tenants[0])


def test_a_customer_who_signs_out_everywhere_leaves_staff_alone(member, tenants):
    staffs = entered(tenants)
    customer = Browser()
    log_in(customer, tenants[0], "ann", f"pw of {tenants[0].key}")
    customer.post(at(tenants[0], EVERYWHERE))
    assert customer.name(tenants[0]) == "nobody"
    assert on_shared_site(staffs)
    assert is_staff(staffs, tenants[0])


def test_a_changed_password_ends_sessions_in_tenants(member, tenants):
    browser = entered(tenants)
    member.set_password("another")
    member.save()
    assert [browser.name(each) for each in tenants] == ["nobody", "nobody"]


@pytest.mark.filterwarnings("ignore:.*MAILERS")
def test_a_counterpart_gets_no_link_for_a_new_password(member, tenants):
    entered(tenants)
    for tenant in tenants:
        mail.outbox.clear()
        Browser().post(at(tenant, "/people/password/reset/"), email="ann@x.org")
        assert len(mail.outbox) == 1  # the customer's
        assert re.search(r"name is ann\.", mail.outbox[0].body)


def test_a_link_for_another_browser_lets_in_nobody(member, tenants):
    attacker, victim = entered(tenants), Browser()
    question = attacker.ask("get", at(tenants[0], ENTER))["Location"]
    url = attacker.ask("get", question)["Location"]
    assert victim.get(url).status_code == 403
    assert victim.name(tenants[0]) == "nobody"


def test_a_member_removed_between_question_and_answer_is_let_in_nowhere(
    member, tenants
):
    browser = Browser()
    log_in(browser, None, "ann", "shared")
    question = browser.ask("get", at(tenants[0], ENTER))["Location"]
    url = browser.ask("get", question)["Location"]
    Membership.objects.all().delete()
    assert browser.get(url).status_code == 403
    assert browser.name(tenants[0]) == "nobody"


def test_control_without_the_question_they_would_be(member, tenants):
    browser = Browser()
    log_in(browser, None, "ann", "shared")
    question = browser.ask("get", at(tenants[0], ENTER))["Location"]
    url = browser.ask("get", question)["Location"]
    Membership.objects.all().delete()
    with replaced(counterparts, "may_enter", lambda *_: True):
        browser.get(url)
        assert is_staff(browser, tenants[0])
