"""Joining by e-mail domain: whose mailbox opens the door, and whose does not."""

from datetime import timedelta
from unittest import mock

import pytest
from django.core import mail
from django.core.exceptions import ValidationError
from django.utils import timezone

from tenantry import override_tenant
from tenantry.exceptions import (
    AlreadyAMember,
    InvitationRefused,
    NotInvited,
    NotPermitted,
)
from tenantry.models import AuditEntry, EmailDomain, Invitation
from tenantry.users import addresses, joining
from tenantry.users.acceptance import accept, find
from tenantry.users.invitations import invite, pending
from tenantry.users.joining import (
    ask,
    claim_domain,
    domains_of,
    join,
    joinable,
    release_domain,
    verify_domain,
)
from tenantry.users.people import people_of
from tenantry.users.providers import PUBLIC_PROVIDERS
from tests.users.people import (
    PASSWORD,
    Browser,
    chosen,
    last_link,
    token_of_mail,
    user_of,
)
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "mailoutbox")


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


@pytest.fixture(name="manager")
def who_manages(a):
    user = user_of(None, "boss")
    people_of(a).add(user, "admin")
    yield user
    people_of(a).remove(user)


def verified(tenant, domain="acme.com", *names):
    """Let the domain hold for the tenant; forget the mail."""
    claim_domain(tenant, f"me@{domain}", *names)
    found = verify_domain(tenant, token_of_mail())
    mail.outbox.clear()
    return found


# Whose domain it is.


def test_a_domain_is_verified_by_a_mail_to_a_mailbox_there(a, manager):
    claim_domain(a, "Me@ACME.com", "member", by=manager)
    assert mail.outbox[0].to == ["Me@acme.com"]
    assert last_link()[0] == f"{a.key}.example.org"
    token = token_of_mail()
    (claimed,) = domains_of(a)
    assert (claimed.domain, claimed.verified_at) == ("acme.com", None)
    assert token not in str(EmailDomain.objects.values().get())
    ask(a, "ann@acme.com")
    assert len(mail.outbox) == 1  # it is not verified yet
    assert verify_domain(a, token, by=manager).verified_at
    ask(a, "ann@acme.com")
    assert mail.outbox[1].to == ["ann@acme.com"]
    entry = AuditEntry.objects.filter(action="domain.verified").first()
    assert (entry.tenant_key, entry.target) == (a.key, "acme.com")


@pytest.mark.parametrize("domain", [*PUBLIC_PROVIDERS[:3], "GMail.com", "gmail.com."])
def test_a_provider_where_anybody_gets_a_mailbox_is_nobodys(a, domain):
    with pytest.raises(ValidationError):
        claim_domain(a, f"me@{domain}")
    assert not domains_of(a)


@pytest.mark.parametrize(
    "email",
    [
        '"me@acme.com"@evil.com',
        '"me"@acme.com',
        "me%evil.com@acme.com",
        "evil.com!me@acme.com",
        "=?utf-8?q?me=40evil.com=3e?=@acme.com",
        "me@localhost",
        "me@[10.0.0.1]",
        "me@acme.com@acme.com",
        "me@\u0430cme.com",  # a Cyrillic letter among Latin ones
        "",
    ],
)
def test_an_unusual_address_proves_nothing(a, email):
    with pytest.raises(ValidationError):
        claim_domain(a, email)
    assert not mail.outbox


def test_a_domains_token_holds_once_in_its_tenant_and_its_time(a, b):
    claim_domain(a, "me@acme.com")
    token = token_of_mail()
    with pytest.raises(NotInvited):
        verify_domain(b, token)
    long_ago = timezone.now() - timedelta(days=8)
    EmailDomain.objects.update(created_at=long_ago)
    with pytest.raises(NotInvited):
        verify_domain(a, token)
    EmailDomain.objects.update(created_at=timezone.now())
    verify_domain(a, token)
    with pytest.raises(NotInvited):
        verify_domain(a, token)


def test_claimed_again_the_old_link_is_dead_and_the_domain_open(a):
    claim_domain(a, "me@acme.com")
    old = token_of_mail()
    verify_domain(a, old)
    mail.outbox.clear()
    ask(a, "ann@acme.com")
    asked = token_of_mail()
    claim_domain(a, "me@acme.com", "member")
    with pytest.raises(NotInvited):
        verify_domain(a, old)
    with pytest.raises(NotInvited):
        find(asked, a)
    assert domains_of(a)[0].verified_at is None


def test_several_tenants_may_have_one_domain(a, b):
    verified(a)
    verified(b)
    ask(b, "ann@acme.com")
    with pytest.raises(NotInvited):
        find(token_of_mail(), a)
    assert find(token_of_mail(), b)


def test_who_does_not_manage_changes_no_domain(a, manager):
    plain = user_of(None)
    people_of(a).add(plain, "member")
    claimed = claim_domain(a, "me@acme.com", "admin", by=manager)
    for act in (
        lambda: claim_domain(a, "me@acme.org", by=plain),
        lambda: verify_domain(a, token_of_mail(), by=plain),
        lambda: release_domain(claimed, by=plain),
    ):
        with pytest.raises(NotPermitted):
            act()
    people_of(a).remove(plain)
    assert [each.verified_at for each in domains_of(a)] == [None]


def test_no_domain_gives_more_than_its_manager_has(a, settings):
    settings.TENANTRY = {
        **settings.TENANTRY,
        "ROLES": {"clerk": {"MANAGES": True}, "chief": {"SUPERUSER": True}},
    }
    clerk = user_of(None)
    people_of(a).add(clerk, "clerk")
    with pytest.raises(NotPermitted):
        claim_domain(a, "me@acme.com", "chief", by=clerk)
    claim_domain(a, "me@acme.com", "chief")
    with pytest.raises(NotPermitted):
        verify_domain(a, token_of_mail(), by=clerk)
    with pytest.raises(InvitationRefused):
        claim_domain(a, "me@acme.com", "owner")
    people_of(a).remove(clerk)


# Who may join by it.


def test_whoever_has_a_mailbox_there_joins_with_the_domains_roles(a):
    verified(a, "acme.com", "member")
    email = f"{new_key('ann')}@acme.com"
    browser = Browser(a)
    answer = browser.post("/people/join/", {"email": email})
    assert "Look into your mailbox" in answer.text
    assert not people_of(a).find(email)  # the mailbox is not proven yet
    assert mail.outbox[0].to == [email]
    browser = Browser(a)
    browser.get(last_link()[1], follow=True)
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302
    (person,) = people_of(a).find(email)
    assert person.roles == ("member",)


OUTSIDE = [
    "ann@evil-acme.com",
    "ann@acme.com.evil.com",
    "ann@sub.acme.com",
    "ann@acme.co",
    "ann@acme.comm",
    "ann@xacme.com",
    "ann@acme.com@evil.com",
    '"ann@acme.com"@evil.com',
    '"ann"@acme.com',
    "ann%evil.com@acme.com",
    "evil.com!ann@acme.com",
    "=?utf-8?q?ann=40evil.com=3e?=@acme.com",
    "ann@evil.com,x@acme.com",
    "ann@evil.com x@acme.com",
    "<ann@acme.com>",
    "ann@acme.com\r\nBcc: x@evil.com",
    "ann@acme.com.",
    "ann@acme.com:25",
    "ann@acme\uff0ecom",
    "ann@\u0430cme.com",  # Cyrillic
    "ann@acm\u00e9.com",
    "ann@xn--acm-dma.com",
    "\u0430nn@acme.com",
    "ann@\u24d0cme.org",
    "ann@",
    "@acme.com",
    "acme.com",
]


@pytest.mark.parametrize("email", OUTSIDE)
def test_no_other_address_gets_a_link(a, email):
    verified(a)
    ask(a, email)
    assert not mail.outbox
    assert not pending(a)


@pytest.mark.parametrize(
    ("email", "to"),
    [
        ("ann@acme.com", "ann@acme.com"),
        ("Ann.B+x@ACME.Com", "Ann.B+x@acme.com"),
        ("  ann@acme.com ", "ann@acme.com"),
    ],
)
def test_other_writings_of_the_domain_are_the_domain(a, email, to):
    verified(a)
    ask(a, email)
    assert [sent.to for sent in mail.outbox] == [[to]]


def test_an_international_domain_is_one_in_either_writing(a):
    claim_domain(a, "me@b\u00fccher.example")
    verify_domain(a, token_of_mail())
    assert domains_of(a)[0].domain == "xn--bcher-kva.example"
    mail.outbox.clear()
    ask(a, "ann@xn--bcher-kva.example")
    ask(a, "bob@B\u00dcCHER.example")
    assert [sent.to[0] for sent in mail.outbox] == [
        "ann@xn--bcher-kva.example",
        "bob@xn--bcher-kva.example",
    ]


def test_control_by_the_end_of_the_text_others_get_a_link(a):
    verified(a)
    loose = mock.patch.object(joining, "domain_of", return_value="acme.com")
    with loose:
        ask(a, "ann@evil-acme.com")
    assert mail.outbox[0].to == ["ann@evil-acme.com"]


def test_control_without_the_plain_local_part_a_route_gets_a_link(a):
    verified(a)
    anything = mock.patch.object(addresses, "PLAIN_LOCAL_PART", mock.Mock())
    with anything:
        ask(a, "ann%evil.com@acme.com")
    assert len(mail.outbox) == 1


def test_an_address_that_stands_in_an_account_proves_nothing(a):
    verified(a)
    user = user_of(None, email="ceo@acme.com")
    assert joinable(user) == []
    with pytest.raises(NotInvited):
        join(a, user)
    assert not people_of(a).of_user(user)


def test_an_address_that_allauth_has_verified_does(a, b):
    verified(a, "acme.com", "member")
    user = user_of(None)
    proven = ["x@elsewhere.com", "ann@acme.com"]
    with mock.patch.object(joining, "verified_addresses", return_value=proven):
        assert joinable(user) == [a.key]
        with pytest.raises(NotInvited):
            join(b, user)
        assert join(a, user).roles == ("member",)
        assert joinable(user) == []
        with pytest.raises(AlreadyAMember):
            join(a, user)


def test_who_is_suspended_does_not_join_again(a):
    verified(a)
    email = f"{new_key('ann')}@acme.com"
    user = user_of(None, email=email)
    people_of(a).add(user)
    people_of(a).suspend(user)
    ask(a, email)
    with pytest.raises(InvitationRefused):
        accept(find(token_of_mail(), a), user=user)
    with (
        mock.patch.object(joining, "verified_addresses", return_value=[email]),
        pytest.raises(AlreadyAMember),
    ):
        join(a, user)
    assert people_of(a).of_user(user).state == "suspended"


def test_a_domain_that_is_released_lets_nobody_in_by_links_sent_before(a):
    claimed = verified(a)
    ask(a, "ann@acme.com")
    token = token_of_mail()
    release_domain(claimed)
    with pytest.raises(NotInvited):
        find(token, a)
    ask(a, "bob@acme.com")
    assert len(mail.outbox) == 1


def test_asking_leaves_a_managers_invitation_as_it_is(a):
    verified(a, "acme.com", "member")
    invite(a, "ann@acme.com", "admin")
    token = token_of_mail()
    ask(a, "ann@acme.com")
    assert find(token, a).roles == ["admin"]
    assert find(token_of_mail(), a).roles == ["member"]


def test_a_mailbox_is_not_filled_by_asking_often(a):
    verified(a)
    for _ in range(3):
        ask(a, "ann@acme.com")
    assert len(mail.outbox) == 1
    Invitation.objects.update(created_at=timezone.now() - joining.ONE_MAIL_IN)
    first = token_of_mail()
    ask(a, "ANN@acme.com")
    assert len(mail.outbox) == 2
    with pytest.raises(NotInvited):
        find(first, a)


def test_every_address_is_told_the_same(a, b):
    verified(a)
    there = f"{new_key('ann')}@acme.com"
    people_of(a).add(user_of(None, email=there))
    answers = {
        Browser(a).post("/people/join/", {"email": email}).content
        for email in (there, "nobody@acme.com", "ann@elsewhere.com")
    }
    assert len(answers) == 1
    assert Browser(b).get("/people/join/").status_code == 404  # it has no domain


def test_a_mail_that_cannot_be_sent_tells_nothing(a, caplog):
    verified(a)
    with mock.patch("tenantry.users.mails.send_mail", side_effect=OSError("down")):
        known = Browser(a).post("/people/join/", {"email": "ann@acme.com"})
    other = Browser(a).post("/people/join/", {"email": "ann@elsewhere.com"})
    assert known.status_code == 200
    assert known.content == other.content
    assert "was not sent" in caplog.text


# The managers' pages.


def test_a_manager_claims_verifies_and_ends_a_domain_by_the_pages(a, manager):
    browser = Browser(a)
    browser.force_login(manager)
    given = {"email": "me@acme.com", "roles": ["member"]}
    assert browser.post("/people/domains/", given).status_code == 302
    link = last_link()[1]
    page = browser.get(link)
    assert page["Referrer-Policy"] == "same-origin"
    assert "no-store" in page["Cache-Control"]
    assert domains_of(a)[0].verified_at is None  # opening it is not saying so
    assert browser.post(link).status_code == 302
    (claimed,) = domains_of(a)
    assert claimed.verified_at
    assert "acme.com" in browser.get("/people/domains/").text
    assert browser.post(link).status_code == 404
    path = f"/people/domains/{claimed.pk}/release/"
    assert browser.get(path).status_code == 405
    assert browser.post(path).status_code == 302
    assert not domains_of(a)


def test_a_public_provider_is_refused_by_the_page(a, manager):
    browser = Browser(a)
    browser.force_login(manager)
    page = browser.post("/people/domains/", {"email": "me@gmail.com"})
    assert page.status_code == 400
    assert "Anybody can have an address" in page.text


def test_another_tenants_domain_is_not_ended(a, b, manager):
    theirs = verified(b, "globex.com")
    browser = Browser(a)
    browser.force_login(manager)
    path = f"/people/domains/{theirs.pk}/release/"
    assert browser.post(path).status_code == 404
    assert [each.domain for each in domains_of(b)] == ["globex.com"]
    with mock.patch.object(joining, "domains_of", return_value=[theirs]):  # control
        assert browser.post(path).status_code == 403  # a second guard
        with mock.patch.object(joining, "people_of"):
            assert browser.post(path).status_code == 302
    assert not domains_of(b)


def test_who_opens_the_link_without_managing_verifies_nothing(a, manager):
    claim_domain(a, "me@acme.com", by=manager)
    link = last_link()[1]
    plain = user_of(None)
    people_of(a).add(plain, "member")
    browser = Browser(a)
    browser.force_login(plain)
    assert browser.post(link).status_code == 403
    assert domains_of(a)[0].verified_at is None
    assert PASSWORD not in mail.outbox[0].body
    people_of(a).remove(plain)
