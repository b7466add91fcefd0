"""Sessions of shared users end: here, everywhere, and when the password changes."""

import pytest
from django.contrib import auth
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext

from tenantry import override_tenant
from tenantry.models import SignOut
from tenantry.users.models import Membership
from tenantry.users.sign_out import sign_out_everywhere
from tests.users.browser import SHARED, Browser, at, log_in
from tests.world import run, without_seam

EVERYWHERE = "/people/logout/everywhere/"


@pytest.fixture
def ann(tenants, user):
    """A shared user, a member of both tenants."""
    for each in tenants:
        Membership.objects.create(tenant=each, user=user)
    yield user
    SignOut.objects.all().delete()


def everywhere(tenants):
    """Return a browser that is logged in on the shared site and in both tenants."""
    browser = Browser()
    for place in (None, *tenants):
        log_in(browser, place, "ann", "pw")
    assert where(browser, tenants) == [True, True, True]
    return browser


def where(browser, tenants):
    """Return whether it is logged in on the shared site, and in each tenant."""
    shared = browser.ask("get", f"{SHARED}/people/tenants/").status_code == 200
    return [shared, *(browser.name(each) == "ann" for each in tenants)]


def test_logging_out_of_a_tenant_is_of_that_tenant_and_browser(ann, tenants):
    one, two = everywhere(tenants), everywhere(tenants)
    answer = one.post(at(tenants[0], "/people/logout/"))
    assert b"You are logged out" in answer.content
    assert where(one, tenants) == [True, False, True]
    assert where(two, tenants) == [True, True, True]


@pytest.mark.parametrize("place", [0, None])
def test_signing_out_everywhere_ends_every_session_at_once(ann, tenants, place):
    one, two = everywhere(tenants), everywhere(tenants)
    one.post(at(None if place is None else tenants[place], EVERYWHERE))
    assert where(one, tenants) == where(two, tenants) == [False, False, False]
    assert where(everywhere(tenants), tenants) == [True, True, True]


def test_control_without_the_number_other_browsers_stay_in(ann, tenants):
    one, two = everywhere(tenants), everywhere(tenants)
    with without_seam(AbstractBaseUser, "_get_session_auth_hash"):
        one.post(at(tenants[0], EVERYWHERE))
        assert where(two, tenants) == [True, True, True]


def test_others_stay_logged_in(ann, tenants):
    bob = User.objects.create_user("bob", password="pw")
    browser = Browser()
    log_in(browser, None, "bob", "pw")
    sign_out_everywhere(ann)
    try:
        assert browser.ask("get", f"{SHARED}/people/tenants/").status_code == 200
    finally:
        bob.delete()


def test_a_session_from_before_there_was_a_number_goes_on(ann, tenants):
    with without_seam(AbstractBaseUser, "_get_session_auth_hash"):
        browser = everywhere(tenants)
    assert where(browser, tenants) == [True, True, True]


def test_it_takes_a_form_of_the_page_itself(ann, tenants):
    browser = everywhere(tenants)
    url = at(tenants[0], EVERYWHERE)
    assert browser.ask("get", url).status_code == 405
    strict = Client(enforce_csrf_checks=True, headers=browser.client(url).defaults)
    strict.cookies = browser.client(url).cookies
    host = {"host": tenants[0].domains.get().host}
    assert strict.post(EVERYWHERE, secure=True, headers=host).status_code == 403
    assert where(browser, tenants) == [True, True, True]


def test_an_event_loop_sees_it_too(ann, tenants):
    browser = everywhere(tenants)
    request = RequestFactory().get("/")
    with override_tenant(tenants[0]):
        request.session = browser.client(at(tenants[0], "/")).session
        assert run(auth.aget_user(request)) == ann
        sign_out_everywhere(ann)
        assert run(auth.aget_user(request)).is_anonymous

        async def digest():
            return ann.get_session_auth_hash()

        assert run(digest()) == ann.get_session_auth_hash()


def test_it_costs_a_request_of_somebody_one_query_and_of_nobody_none(ann, tenants):
    def asked(browser):
        with CaptureQueriesContext(connection) as queries:
            browser.name(tenants[0])
        return sum("tenantry_signout" in each["sql"] for each in queries)

    assert asked(everywhere(tenants)) == 1
    assert asked(Browser()) == 0


def test_a_changed_password_ends_the_other_sessions_everywhere(ann, tenants):
    one, two = everywhere(tenants), everywhere(tenants)
    one.post(
        at(tenants[0], "/people/password/"),
        old_password="pw",
        new_password1="another pw of ann",
        new_password2="another pw of ann",
    )
    assert where(one, tenants) == [False, True, False]
    assert where(two, tenants) == [False, False, False]


def test_a_removed_member_is_out_at_the_next_request(ann, tenants):
    browser = everywhere(tenants)
    Membership.objects.filter(tenant=tenants[0]).delete()
    assert where(browser, tenants) == [True, False, True]
