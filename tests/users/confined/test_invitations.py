"""Invitations, domains and pages, where users are a tenant's own, with the same ids."""

import itertools
from unittest import mock

import pytest
from django.contrib.auth.models import User
from django.core import mail

from tenantry import override_tenant
from tenantry.exceptions import NotInvited, WrongTenant
from tenantry.models import EmailDomain, Invitation
from tenantry.users import acceptance
from tenantry.users.acceptance import accept, find
from tenantry.users.invitations import invite, pending
from tenantry.users.joining import ask, claim_domain, join, joinable, verify_domain
from tenantry.users.people import people_of
from tenantry.users.views import members as pages
from tests.users.people import PASSWORD, Browser, chosen, token_of_mail, user_of
from tests.world import drop, in_threads, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "mailoutbox")
AT_ONCE = 50
SAME = 8_000_000  # far from what the tenants count by themselves
NUMBERS = itertools.count(SAME)


@pytest.fixture(scope="module", name="two")
def two_tenants(database):
    made = provision("a"), provision("b")
    yield made
    drop(*made)


@pytest.fixture
def a(two):
    yield two[0]
    with override_tenant(None):
        EmailDomain.objects.all().delete()
        Invitation.objects.all().delete()


@pytest.fixture
def b(two):
    return two[1]


@pytest.fixture
def email():
    return f"{new_key('guest')}@acme.example"


@pytest.fixture(name="twins")
def same_keys_in_both(two):
    """Make users of one primary key in both tenants, with those roles in each."""

    def make(*roles):
        pk, found = next(NUMBERS), []
        for tenant in two:
            with override_tenant(tenant):
                User.objects.filter(pk=pk).delete()
            user = user_of(tenant, pk=pk)
            people_of(tenant).grant(user, *roles)
            found.append(user)
        return found

    return make


def opened(tenant, token):
    browser = Browser(tenant)
    return browser, browser.get(f"/people/accept/{token}/", follow=True)


def state(tenant, user):
    person = people_of(tenant).of_user(user)
    return None if person is None else (person.state, person.roles)


def test_the_invited_becomes_a_user_of_that_tenant_alone(a, b, email):
    invite(a, email, "member")
    browser, _ = opened(a, token_of_mail())
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302
    assert browser.get("/whoami/").text == email
    (person,) = people_of(a).find(email)
    assert person.roles == ("member",)
    assert not people_of(b).find(email)


def test_an_account_of_the_address_in_another_tenant_is_somebody_else(a, b, email):
    other = user_of(b, email=email)
    invite(a, email)
    browser, page = opened(a, token_of_mail())
    assert "new_password1" in page.text  # nothing is told of the other
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302
    with override_tenant(b):
        assert User.objects.get(email=email).pk == other.pk
    with pytest.raises(WrongTenant):
        accept(invited(a, f"x{email}"), user=user_of(b, email=f"x{email}"))


def invited(tenant, email):
    invite(tenant, email)
    return find(token_of_mail(), tenant)


def test_a_user_who_is_there_by_now_gets_the_roles_by_their_password(a, email):
    invite(a, email, "admin")
    user = user_of(a, email=email)
    browser, page = opened(a, token_of_mail())
    assert "new_password1" not in page.text
    assert browser.post("/people/accept/", {"password": "x"}).status_code == 200
    assert state(a, user) == ("active", ())
    assert browser.post("/people/accept/", {"password": PASSWORD}).status_code == 302
    assert state(a, user) == ("active", ("admin",))


def test_who_is_signed_in_as_the_invited_is_asked_for_nothing(a, email):
    invite(a, email, "admin")
    user = user_of(a, email=email)
    browser = Browser(a)
    browser.force_login(user)
    page = browser.get(f"/people/accept/{token_of_mail()}/", follow=True)
    assert "password" not in page.text
    assert browser.post("/people/accept/").status_code == 302
    assert state(a, user) == ("active", ("admin",))


def test_who_was_removed_comes_back_as_who_they_were(a, email):
    user = user_of(a, email=email)
    people_of(a).remove(user)
    invite(a, email, "member")
    browser, page = opened(a, token_of_mail())
    assert "new_password1" in page.text
    answer = browser.post("/people/accept/", chosen(username=user.username))
    assert answer.status_code == 302
    (person,) = people_of(a).find(email)
    assert person.user_pk == str(user.pk)
    assert person.roles == ("member",)


def test_who_is_suspended_stays_so(a, email):
    found = invited(a, email)
    user = user_of(a, email=email)
    people_of(a).suspend(user)
    browser, _ = opened(a, token_of_mail())
    answer = browser.post("/people/accept/", {"password": PASSWORD})
    assert "not the password" in answer.text
    assert state(a, user)[0] == "suspended"
    assert find(token_of_mail(), a).pk == found.pk


def test_a_token_of_one_tenant_is_none_in_another_and_at_the_shared_site(a, b, email):
    invite(a, email)
    token = token_of_mail()
    unknown = Browser(b).get("/people/accept/unknown/")
    answer = Browser(b).get(f"/people/accept/{token}/")
    assert answer.status_code == 404
    assert answer.content == unknown.content
    assert Browser().get(f"/people/accept/{token}/").status_code == 404
    assert find(token, a)
    real = acceptance.find  # the control: without the tenant in the query
    with mock.patch.object(acceptance, "find", lambda token, _: real(token, None)):
        assert Browser(b).get(f"/people/accept/{token}/").status_code == 302


def test_of_fifty_who_accept_at_once_one_is_let_in(a, email):
    found = invited(a, email)
    results = in_threads(*[lambda: tried(found)] * AT_ONCE)
    assert sorted(results) == [False] * (AT_ONCE - 1) + [True]
    assert len(people_of(a).find(email)) == 1


def tried(invitation):
    import copy

    try:
        accept(copy.copy(invitation), password=PASSWORD, username=new_key("one"))
    except NotInvited:
        return False
    return True


def test_whoever_has_a_mailbox_at_the_domain_joins_as_a_user_of_the_tenant(a, b):
    claim_domain(a, "me@acme.com", "member")
    verify_domain(a, token_of_mail())
    email = f"{new_key('ann')}@acme.com"
    ask(a, email)
    browser, _ = opened(a, token_of_mail())
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302
    assert people_of(a).find(email)[0].roles == ("member",)
    assert not people_of(b).find(email)


def test_an_address_in_an_account_of_another_tenant_joins_nothing(a, b):
    claim_domain(a, "me@acme.com", "member")
    verify_domain(a, token_of_mail())
    user = user_of(b, email=f"{new_key('ann')}@acme.com")
    with override_tenant(b):
        assert joinable(user) == []
        with pytest.raises(NotInvited):
            join(a, user)


@pytest.mark.parametrize("act", ["roles", "suspend", "remove"])
def test_a_manager_touches_nobody_of_the_same_id_in_another_tenant(two, twins, act):
    a, b = two
    boss, _ = twins("admin")
    here, there = twins("member")
    assert here.pk == there.pk
    browser = Browser(a)
    browser.force_login(boss)
    given = {"act": act, "roles": ["admin"]}
    assert browser.post(f"/people/members/{here.pk}/", given).status_code == 302
    assert state(a, here) != ("active", ("member",))
    assert state(b, there) == ("active", ("member",))


def test_who_is_only_in_another_tenant_is_not_found(a, b, twins):
    boss, _ = twins("admin")
    stranger = user_of(b, pk=SAME + 500_000)
    browser = Browser(a)
    browser.force_login(boss)
    path = f"/people/members/{stranger.pk}/"
    assert browser.get(path).status_code == 404
    assert browser.post(path, {"act": "remove"}).status_code == 404
    # The control: somebody who is looked up in the other tenant is found.
    theirs = people_of(b).get(stranger.pk)
    with mock.patch.object(pages, "_person", return_value=theirs):
        assert browser.get(path).status_code == 200


def test_a_session_of_one_tenant_opens_no_members_page_of_another(a, b, twins):
    boss, twin = twins("admin")
    browser = Browser(a)
    browser.force_login(boss)
    assert browser.get("/people/members/").status_code == 200
    browser.host = f"{b.key}.example.org"
    answer = browser.get("/people/members/")
    assert answer.status_code == 302
    assert twin.email not in answer.text


def test_a_user_leaves_and_cannot_sign_in_again(a, twins):
    twins("owner")
    ann, _ = twins("member")
    browser = Browser(a)
    browser.force_login(ann)
    assert browser.post("/people/leave/").status_code == 302
    assert state(a, ann) is None
    assert browser.get("/whoami/").text == "nobody"


def test_a_manager_invites_by_the_page(a, twins, email):
    boss, _ = twins("admin")
    browser = Browser(a)
    browser.force_login(boss)
    given = {"email": email, "roles": ["member"]}
    assert browser.post("/people/invitations/", given).status_code == 302
    assert mail.outbox[0].to == [email]
    assert [each.email for each in pending(a)] == [email]


@pytest.mark.parametrize("act", ["remove", "suspend"])
def test_who_is_put_out_has_invited_nobody(a, email, act):
    people, mallory = people_of(a), user_of(a, "mallory")
    people.grant(mallory, "admin")
    invite(a, email, "admin", by=mallory)
    token = token_of_mail()
    other = invite(a, f"{new_key()}@example.org", "member")
    getattr(people, act)(mallory)
    assert other.pk in {each.pk for each in pending(a)}
    with pytest.raises(NotInvited):
        find(token, a)
