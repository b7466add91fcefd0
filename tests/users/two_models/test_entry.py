"""Staff of a model of their own sign in by the shared site, and out everywhere."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission

from tenantry import override_tenant
from tenantry.models import SignOut
from tests.staff.models import Staff
from tests.users.browser import SHARED, Browser, at, log_in
from tests.world import ONE, two_tenants

User = get_user_model()
EMAIL = "same@example.org"
ENTER = "/people/enter/"
EVERYWHERE = "/people/logout/everywhere/"


@pytest.fixture(scope="module")
def tenants(database, django_db_blocker):
    with django_db_blocker.unblock(), two_tenants() as made:
        yield made


@pytest.fixture(autouse=True)
def staff(tenants):
    """Users of one name, password and primary key, everywhere; staff enter anywhere."""
    made = Staff.objects.create_user(EMAIL, "pw", code=str(ONE))
    made.user_permissions.add(Permission.objects.get(codename="enter_tenants"))
    for place in (None, *tenants):
        with override_tenant(place):
            User.objects.create_user(EMAIL, EMAIL, "pw", pk=ONE)
    yield made
    SignOut.objects.all().delete()
    Staff.objects.all().delete()
    for place in (None, *tenants):
        with override_tenant(place):
            for user in User.objects.all():
                user.delete()


def entered(tenants):
    """Return a browser in which staff are logged in everywhere."""
    browser = Browser()
    log_in(browser, None, EMAIL, "pw")
    for each in tenants:
        browser.get(at(each, ENTER))
        assert is_staff(browser, each)
    return browser


def is_staff(browser, tenant):
    return browser.name(tenant) not in (EMAIL, "nobody")


def test_staff_enter_and_customers_stay_who_they_are(tenants):
    customer = Browser()
    log_in(customer, tenants[0], EMAIL, "pw")
    entered(tenants)
    assert customer.name(tenants[0]) == EMAIL


def test_staff_sign_out_everywhere_and_customers_stay(tenants):
    one, two, customer = entered(tenants), entered(tenants), Browser()
    log_in(customer, tenants[0], EMAIL, "pw")
    one.post(at(tenants[1], EVERYWHERE))
    for browser in (one, two):
        page = browser.ask("get", f"{SHARED}/people/tenants/")
        assert page.status_code == 302
        assert not any(is_staff(browser, each) for each in tenants)
    assert customer.name(tenants[0]) == EMAIL


def test_staff_change_their_password_and_other_sessions_end(tenants, staff):
    one, two = entered(tenants), entered(tenants)
    new = "another pw of staff"
    answer = one.post(
        f"{SHARED}/people/password/",
        old_password="pw",
        new_password1=new,
        new_password2=new,
    )
    assert b"is changed" in answer.content
    staff.refresh_from_db()
    assert staff.check_password(new)
    assert one.ask("get", f"{SHARED}/people/tenants/").status_code == 200
    assert two.ask("get", f"{SHARED}/people/tenants/").status_code == 302
    assert not any(is_staff(two, each) for each in tenants)


def test_a_forgotten_password_is_for_customers_pages_only(tenants):
    """Django's forms know the tenants' model: of staff they would find another."""
    reset = "/people/password/reset/"
    for place, status in ((None, 404), (tenants[0], 200)):
        browser = Browser()
        assert browser.get(at(place, reset)).status_code == status
        assert browser.get(at(place, f"{reset}MQ/x-y/")).status_code == status
        page = browser.get(at(place, "/people/login/")).content.decode()
        assert (reset in page) is (status == 200)
