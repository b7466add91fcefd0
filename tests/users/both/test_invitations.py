"""Invitations where tenants have users of their own, and staff are shared."""

import pytest
from django.contrib.auth.models import User

from tenantry import override_tenant
from tenantry.users.acceptance import find
from tenantry.users.counterparts import counterpart
from tenantry.users.invitations import invite, pending
from tenantry.users.joining import ask, claim_domain, joinable, verify_domain
from tenantry.users.people import members_of, people_of
from tests.users.people import PASSWORD, Browser, chosen, token_of_mail, user_of
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "mailoutbox")


@pytest.fixture(scope="module", name="tenant")
def one_tenant(database):
    made = provision("i")
    yield made
    drop(made)


@pytest.fixture
def email():
    return f"{new_key('guest')}@acme.example"


def opened(tenant, token):
    browser = Browser(tenant)
    return browser, browser.get(f"/people/accept/{token}/", follow=True)


def test_the_invited_becomes_a_user_of_the_tenant_and_no_shared_one(tenant, email):
    invite(tenant, email, "member")
    browser, _ = opened(tenant, token_of_mail())
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302
    assert browser.get("/whoami/").text == email
    assert people_of(tenant).find(email)
    assert not members_of(tenant).find(email)
    with override_tenant(None):
        assert not User.objects.filter(email=email).exists()


def test_a_shared_account_of_the_address_is_somebody_else(tenant, email):
    shared = user_of(None, email=email)
    invite(tenant, email)
    browser, page = opened(tenant, token_of_mail())
    assert "new_password1" in page.text  # nothing is told of the shared account
    browser.post("/people/accept/", {"password": PASSWORD})
    assert not members_of(tenant).of_user(shared)
    browser.post("/people/accept/", chosen(username=email))
    assert people_of(tenant).find(email)
    assert not members_of(tenant).of_user(shared)


def test_the_shared_site_lets_no_shared_user_accept_it(tenant, email):
    invite(tenant, email)
    browser = Browser()
    browser.force_login(user_of(None, email=email))
    assert browser.get(f"/people/accept/{token_of_mail()}/").status_code == 404
    assert find(token_of_mail(), tenant)


def test_a_domain_is_joined_by_users_of_the_tenant_only(tenant):
    claim_domain(tenant, "me@acme.com", "member")
    verify_domain(tenant, token_of_mail())
    email = f"{new_key('ann')}@acme.com"
    shared = user_of(None, email=email)
    assert joinable(shared) == []
    ask(tenant, email)
    browser, _ = opened(tenant, token_of_mail())
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302
    assert people_of(tenant).find(email)
    assert not members_of(tenant).of_user(shared)


def test_a_shared_user_of_the_same_id_is_nobody_on_the_members_pages(tenant):
    shared = user_of(None, "staff", pk=9_000_001)
    own = user_of(tenant, "own", pk=9_000_001)
    people_of(tenant).grant(own, "admin")
    browser = Browser()
    browser.force_login(shared)
    browser.host = f"{tenant.key}.example.org"
    answer = browser.get("/people/members/")
    assert answer.status_code == 302
    assert own.email not in answer.text


def test_shared_staff_with_the_role_manage_the_tenants_own_people(tenant, email):
    staff, own = user_of(None, "staff"), user_of(tenant, "own")
    members_of(tenant).add(staff, "admin")
    browser = Browser(tenant)
    with override_tenant(tenant):
        browser.force_login(counterpart(staff, tenant))
    assert own.email in browser.get("/people/members/").text
    given = {"email": email, "roles": ["member"]}
    assert browser.post("/people/invitations/", given).status_code == 302
    assert pending(tenant)[0].email == email
    path = f"/people/members/{own.pk}/"
    assert browser.post(path, {"act": "suspend"}).status_code == 302
    assert people_of(tenant).of_user(own).state == "suspended"
    members_of(tenant).revoke(staff, "admin")
    assert browser.post(path, {"act": "resume"}).status_code == 403
