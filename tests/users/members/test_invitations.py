"""Invitations, where users are shared: whom they let in, how often, and where."""

from datetime import timedelta
from unittest import mock

import pytest
from django.contrib.auth.models import AnonymousUser, User
from django.core import mail
from django.core.exceptions import ValidationError
from django.test import RequestFactory
from django.utils import timezone

from tenantry import override_tenant
from tenantry.exceptions import (
    AlreadyAMember,
    InvitationRefused,
    NotInvited,
    NotPermitted,
    OwnerRequired,
    UnknownRole,
)
from tenantry.models import AuditEntry, Invitation
from tenantry.users import acceptance, invitations
from tenantry.users.acceptance import accept, find
from tenantry.users.invitations import invite, pending, resend, withdraw
from tenantry.users.people import people_of
from tenantry.users.views.invitations import accept as accept_page
from tests.users.people import (
    PASSWORD,
    Browser,
    chosen,
    last_link,
    token_of_mail,
    user_of,
)
from tests.world import drop, in_threads, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "mailoutbox")
AT_ONCE = 50
SAME = "It was used or withdrawn, is too old, or is for another site."


@pytest.fixture(scope="module", name="two")
def two_tenants(database):
    made = provision("a"), provision("b")
    yield made
    drop(*made)


@pytest.fixture
def a(two):
    return two[0]


@pytest.fixture
def b(two):
    return two[1]


@pytest.fixture(name="manager")
def who_manages(a):
    """A member of a who may give "admin" and all that it has."""
    user = user_of(None, "boss")
    people_of(a).add(user, "admin")
    yield user
    people_of(a).remove(user)


@pytest.fixture
def email():
    return f"{new_key('guest')}@acme.example"


def opened(tenant, token):
    """Return a browser that has followed the link, and the answer."""
    browser = Browser(tenant)
    return browser, browser.get(f"/people/accept/{token}/", follow=True)


def is_in(tenant, email):
    return bool(people_of(tenant).find(email))


# What is sent.


def test_a_mail_carries_the_link_and_the_row_its_digest_only(a, email, manager):
    invitation = invite(a, email, "member", by=manager)
    (sent,) = mail.outbox
    assert sent.to == [email]
    assert last_link()[0] == f"{a.key}.example.org"
    token = token_of_mail()
    stored = Invitation.objects.values().get(pk=invitation.pk)
    assert token not in str(stored)
    assert stored["digest"] == invitations.digest_of(token)
    assert str(manager) in sent.body


def test_sender_and_texts_are_the_tenants(a, email):
    def rendered(name, _context):
        from tenantry import require_tenant

        return f"{require_tenant().key} {name}\n"

    with mock.patch("tenantry.users.mails.render_to_string", rendered):
        invite(a, email)
    (sent,) = mail.outbox
    assert sent.subject == f"{a.key} tenantry/invitation_subject.txt"
    assert sent.body == f"{a.key} tenantry/invitation.txt\n"


def test_a_name_with_a_line_break_adds_no_header(a, email):
    text = "Hi\nBcc: x"
    with mock.patch("tenantry.users.mails.render_to_string", return_value=text):
        invite(a, email)
    assert mail.outbox[0].subject == "Hi Bcc: x"


def test_it_is_written_down(a, email, manager):
    invite(a, email, "member", by=manager)
    accept(find(token_of_mail(), a), password=PASSWORD)
    entries = AuditEntry.objects.filter(
        target=email, action__startswith="invitation."
    ).order_by("pk")
    assert [entry.action for entry in entries] == [
        "invitation.sent",
        "invitation.accepted",
    ]
    assert {entry.tenant_key for entry in entries} == {a.key}
    assert entries[0].actor == str(manager)
    assert token_of_mail() not in str(list(entries.values()))


@pytest.mark.parametrize(
    "address", ["", "nobody", "a@b@c", "a@[127.0.0.1]", "a@x\ny.z"]
)
def test_what_is_no_address_is_not_invited(a, address):
    with pytest.raises(ValidationError):
        invite(a, address)
    assert not mail.outbox


def test_the_domain_is_written_to_in_its_one_form(a):
    invitation = invite(a, " Ann@Bücher.EXAMPLE ")
    assert invitation.email == "Ann@xn--bcher-kva.example"
    assert mail.outbox[0].to == ["Ann@xn--bcher-kva.example"]


# Who may invite, whom.


def test_who_manages_nothing_invites_nobody(a, email):
    plain = user_of(None)
    people_of(a).add(plain, "member")
    for act in (
        lambda: invite(a, email, by=plain),
        lambda: invite(a, email, by=user_of(None)),
    ):
        with pytest.raises(NotPermitted):
            act()
    made = invite(a, email)
    for act in (resend, withdraw):
        with pytest.raises(NotPermitted):
            act(made, by=plain)


def test_nobody_gives_by_invitation_what_they_lack(a, email, settings):
    clerk = {"MANAGES": True}
    settings.TENANTRY = {
        **settings.TENANTRY,
        "ROLES": {"clerk": clerk, "chief": {"SUPERUSER": True}, "member": {}},
    }
    user = user_of(None)
    people_of(a).add(user, "clerk")
    invite(a, email, "member", by=user)
    with pytest.raises(NotPermitted):
        invite(a, email, "chief", by=user)
    assert Invitation.objects.get(email=email).roles == ["member"]
    # Nor by sending again what somebody else has sent.
    chief = invite(a, f"x{email}", "chief")
    with pytest.raises(NotPermitted):
        resend(chief, by=user)


def test_a_role_that_is_none_is_refused(a, email):
    with pytest.raises(UnknownRole):
        invite(a, email, "amdin")


def test_there_is_no_second_owner_by_invitation(b, email):
    invite(b, email, "owner")
    accept(find(token_of_mail(), b), password=PASSWORD)
    (owner,) = people_of(b).find(email)
    assert owner.is_owner
    with pytest.raises(OwnerRequired):
        invite(b, f"x{email}", "owner")


def test_who_is_there_is_not_invited(a, email):
    user = user_of(None, email=email)
    people_of(a).add(user)
    with pytest.raises(AlreadyAMember):
        invite(a, email.upper())
    people_of(a).suspend(user)
    with pytest.raises(AlreadyAMember, match="suspended"):
        invite(a, email)


def test_invited_twice_the_first_link_is_dead_and_the_roles_are_the_last(a, email):
    first = invite(a, email, "admin")
    old = token_of_mail()
    second = invite(a, email.upper().replace("ACME", "acme"), "member")
    assert second.pk == first.pk
    with pytest.raises(NotInvited):
        find(old, a)
    assert find(token_of_mail(), a).roles == ["member"]
    assert len([each for each in pending(a) if each.pk == first.pk]) == 1


def test_sent_again_the_old_link_is_dead_and_the_term_new(a, email):
    invitation = invite(a, email)
    old = token_of_mail()
    Invitation.objects.filter(pk=invitation.pk).update(expires_at=timezone.now())
    resend(invitation)
    with pytest.raises(NotInvited):
        find(old, a)
    assert find(token_of_mail(), a).pk == invitation.pk


def test_what_was_used_is_neither_sent_again_nor_withdrawn(a, email):
    invitation = invite(a, email)
    accept(find(token_of_mail(), a), password=PASSWORD)
    people_of(a).remove(people_of(a).find(email)[0].user)
    for act in (resend, withdraw):
        with pytest.raises(InvitationRefused):
            act(invitation)


# Who is let in.


def test_somebody_without_an_account_makes_one(a, email):
    invite(a, email, "member")
    browser, page = opened(a, token_of_mail())
    assert email in page.text
    answer = browser.post("/people/accept/", chosen(username=email))
    assert (answer.status_code, answer["Location"]) == (302, "/")
    (person,) = people_of(a).find(email)
    assert person.roles == ("member",)
    assert browser.get("/whoami/").text == email
    with override_tenant(None):
        assert User.objects.get(email=email).check_password(PASSWORD)


def test_somebody_with_an_account_gives_its_password(a, email):
    user = user_of(None, email=email)
    invite(a, email, "member")
    browser, page = opened(a, token_of_mail())
    assert "new_password1" not in page.text
    wrong = browser.post("/people/accept/", {"password": "wrong"})
    assert "not the password" in wrong.text
    assert not is_in(a, email)
    assert browser.post("/people/accept/", {"password": PASSWORD}).status_code == 302
    assert browser.get("/whoami/").text == user.username
    assert is_in(a, email)


def test_a_password_must_be_a_good_one_and_uses_nothing_up_else(a, email, settings):
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
        {
            "NAME": "django.contrib.auth.password_validation."
            "UserAttributeSimilarityValidator"
        },
    ]
    invite(a, email)
    browser, _ = opened(a, token_of_mail())
    for bad in ("short", email):
        given = {"username": email, "new_password1": bad, "new_password2": bad}
        assert browser.post("/people/accept/", given).status_code == 200
    assert not is_in(a, email)
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 302


def test_a_user_name_that_is_taken_bars_nobody(a, email):
    user_of(None, email=f"x{email}")
    with override_tenant(None):
        User.objects.create_user(email, "squatter@example.org", PASSWORD)
    invite(a, email)
    browser, _ = opened(a, token_of_mail())
    taken = browser.post("/people/accept/", chosen(username=email))
    assert "account of that name" in taken.text
    name = new_key("name")
    assert browser.post("/people/accept/", chosen(username=name)).status_code == 302
    assert browser.get("/whoami/").text == name


def test_nobody_takes_another_persons_address_for_a_user_name(a, email):
    invite(a, email)
    browser, _ = opened(a, token_of_mail())
    answer = browser.post("/people/accept/", chosen(username=f"boss-{email}"))
    assert "Only your own address" in answer.text
    assert not is_in(a, email)
    # Another writing of the own one will do.
    answer = browser.post("/people/accept/", chosen(username=email.upper()))
    assert answer.status_code == 302


@pytest.mark.parametrize("other", ["x{}", "{}.evil", "\u0131{}"])
def test_an_account_of_another_address_is_not_let_in(a, email, other):
    user = user_of(None, email=other.format(email))
    invite(a, email)
    with pytest.raises(InvitationRefused):
        accept(find(token_of_mail(), a), user=user)
    assert not people_of(a).of_user(user)
    find(token_of_mail(), a)  # nothing was used up


def test_control_without_the_comparison_another_address_is_let_in(a, email):
    user = user_of(None, email=f"x{email}")
    invite(a, email)
    with mock.patch.object(acceptance, "is_same", return_value=True):
        accept(find(token_of_mail(), a), user=user)
    assert people_of(a).of_user(user)


def test_a_suspended_account_stays_outside(a, email):
    user_of(None, email=email, is_active=False)
    invite(a, email)
    browser, _ = opened(a, token_of_mail())
    answer = browser.post("/people/accept/", {"password": PASSWORD})
    assert "not the password" in answer.text
    assert not is_in(a, email)


def test_a_suspended_member_stays_so(a, email):
    user = user_of(None, email=email)
    invite(a, email)
    people_of(a).add(user)
    people_of(a).suspend(user)
    browser, _ = opened(a, token_of_mail())
    answer = browser.post("/people/accept/", {"password": PASSWORD})
    assert answer.status_code == 200
    assert people_of(a).of_user(user).state == "suspended"


def test_who_is_removed_does_not_come_back_by_an_older_invitation(a, email):
    invite(a, email)
    older = token_of_mail()
    with override_tenant(None):
        row = Invitation.objects.get(email=email)
        row.pk, row.digest, row.domain = None, invitations.digest_of("x" + email), "d"
        row.save()
    person = accept(find("x" + email, a), password=PASSWORD)
    people_of(a).remove(person.user)
    with pytest.raises(NotInvited):
        find(older, a)


# Which tokens hold: one text for all others.


def spoiled(two, email, how):
    """Return a token that holds nowhere at a, for one reason or another."""
    a, b = two
    invitation = invite(b if how == "another tenant's" else a, email)
    token = token_of_mail()
    if how == "unknown":
        return "x" + token
    if how == "used":
        accept(find(token, a), password=PASSWORD)
        people_of(a).remove(people_of(a).find(email)[0].user)
    if how == "withdrawn":
        withdraw(invitation)
    if how == "old":
        with override_tenant(None):
            rows = Invitation.objects.filter(pk=invitation.pk)
            rows.update(expires_at=timezone.now() - timedelta(seconds=1))
    return token


@pytest.mark.parametrize(
    "how", ["unknown", "used", "withdrawn", "old", "another tenant's"]
)
def test_a_token_that_does_not_hold_is_answered_as_an_unknown_one(two, email, how):
    token = spoiled(two, email, how)
    browser = Browser(two[0])
    unknown = browser.get("/people/accept/unknown/")
    answer = browser.get(f"/people/accept/{token}/")
    assert answer.status_code == unknown.status_code == 404
    assert answer.content == unknown.content
    assert SAME in answer.text
    assert answer["Referrer-Policy"] == "no-referrer"
    assert not browser.session.keys()


def test_a_token_of_one_tenant_in_the_session_of_another_is_none(a, b, email):
    invite(b, email)
    token = token_of_mail()
    browser = Browser(a)
    session = browser.session
    session["_tenantry_invitation"] = token
    session.save()
    assert find(token, b).email == email  # it is a good one, elsewhere
    assert browser.post("/people/accept/", chosen(username=email)).status_code == 404
    assert not is_in(a, email)
    assert not is_in(b, email)


def test_control_without_the_tenant_in_the_query_it_would_let_in(a, b, email):
    invite(b, email)
    token = token_of_mail()
    real = acceptance.find
    anywhere = mock.patch.object(acceptance, "find", lambda token, _: real(token, None))
    with anywhere:
        browser, _ = opened(a, token)
        answer = browser.post("/people/accept/", chosen(username=email))
    assert answer.status_code == 302
    assert is_in(b, email)


def test_opening_the_link_uses_nothing_up_and_leaves_no_token_in_the_address(a, email):
    invite(a, email)
    token = token_of_mail()
    for _ in range(3):  # mail scanners
        browser = Browser(a)
        first = browser.get(f"/people/accept/{token}/")
        assert (first.status_code, first["Location"]) == (302, "/people/accept/")
        assert first["Referrer-Policy"] == "no-referrer"
        assert "no-store" in first["Cache-Control"]
        page = browser.get("/people/accept/")
        assert token not in page.text
        assert "no-store" in page["Cache-Control"]
        # By "no-referrer" a browser sends the form with no origin, and is refused.
        assert page.headers.get("Referrer-Policy") != "no-referrer"
    assert browser.head(f"/people/accept/{token}/").status_code == 302
    assert browser.post(f"/people/accept/{token}/").status_code == 405
    assert find(token, a)


def test_accepting_needs_the_token_of_the_form(a, email):
    invite(a, email)
    browser = Browser(a, enforce_csrf_checks=True)
    browser.get(f"/people/accept/{token_of_mail()}/", follow=True)
    answer = browser.post("/people/accept/", chosen(username=email))
    assert answer.status_code == 403
    assert not is_in(a, email)


def test_who_acts_as_another_accepts_nothing_for_them(a, email):
    invite(a, email)
    found = find(token_of_mail(), a)
    request = RequestFactory().get("/people/accept/")
    request.session = {"_tenantry_invitation": token_of_mail()}
    request.user, request.impersonator = AnonymousUser(), object()
    with override_tenant(a):
        assert accept_page(request).status_code == 403
        request.impersonator = None
        assert accept_page(request).status_code == 200
    assert find(token_of_mail(), a).pk == found.pk


def test_signing_in_by_an_invitation_changes_the_session_key(a, email):
    invite(a, email)
    browser, _ = opened(a, token_of_mail())
    before = browser.cookies["sessionid"].value
    browser.post("/people/accept/", chosen(username=email))
    assert browser.cookies["sessionid"].value != before


def test_of_fifty_who_accept_at_once_one_is_let_in(a, email):
    invite(a, email)
    found = find(token_of_mail(), a)
    results = in_threads(*[lambda: tried(found)] * AT_ONCE)
    assert sorted(results) == [False] * (AT_ONCE - 1) + [True]
    assert len(people_of(a).find(email)) == 1


def tried(invitation):
    """Whether accepting it worked."""
    import copy

    try:
        accept(copy.copy(invitation), password=PASSWORD, username=new_key("one"))
    except NotInvited:
        return False
    return True


def test_control_without_the_claim_a_second_is_let_in(a, email):
    user = user_of(None, email=email)
    invite(a, email)
    found = find(token_of_mail(), a)
    with mock.patch.object(acceptance, "_claim"):
        accept(found, user=user)
        people_of(a).remove(user)
        accept(found, user=user)
    assert is_in(a, email)


def test_a_link_replaced_while_somebody_reads_it_is_dead(a, email):
    invite(a, email)
    found = find(token_of_mail(), a)
    invite(a, email)
    with pytest.raises(NotInvited):
        accept(found, password=PASSWORD)
    assert not is_in(a, email)


def test_what_fails_while_accepting_uses_nothing_up(a, email):
    invite(a, email)
    token = token_of_mail()
    broken = mock.patch.object(acceptance, "people_of", side_effect=OSError("full"))
    with broken, pytest.raises(OSError, match="full"):
        accept(find(token, a), password=PASSWORD)
    assert find(token, a)


def test_a_suspended_tenant_lets_nobody_in(a, email):
    invite(a, email)
    token = token_of_mail()
    a.suspend()
    try:
        assert Browser(a).get(f"/people/accept/{token}/").status_code == 403
        assert Browser().get(f"/people/accept/{token}/").status_code == 404
    finally:
        a.resume()
    assert Browser(a).get(f"/people/accept/{token}/").status_code == 302


# By the shared site, for those who sign in there in other ways than by a password.


def test_who_is_signed_in_at_the_shared_site_accepts_there(a, email):
    user = user_of(None, email=email)
    invite(a, email, "member")
    browser = Browser()
    browser.force_login(user)
    browser.get(f"/people/accept/{token_of_mail()}/", follow=True)
    answer = browser.post("/people/accept/")
    assert answer.status_code == 302
    assert answer["Location"].startswith(f"https://{a.key}.example.org/")
    assert is_in(a, email)


def test_the_page_of_somebody_with_an_account_leads_to_the_shared_site(a, email):
    user_of(None, email=email)
    invite(a, email)
    _, page = opened(a, token_of_mail())
    assert f'href="https://example.com/people/accept/{token_of_mail()}/"' in page.text


def test_another_account_at_the_shared_site_does_not(a, email):
    user = user_of(None)
    invite(a, email)
    browser = Browser()
    browser.force_login(user)
    browser.get(f"/people/accept/{token_of_mail()}/", follow=True)
    answer = browser.post("/people/accept/")
    assert answer.status_code == 200
    assert "signed in with another account" in answer.text
    assert not people_of(a).of_user(user)
    assert find(token_of_mail(), a)


@pytest.mark.parametrize("act", ["remove", "suspend"])
def test_who_is_put_out_has_invited_nobody(a, email, act):
    people, mallory = people_of(a), user_of(None, "mallory")
    people.add(mallory, "admin")
    invite(a, email, "admin", by=mallory)
    token = token_of_mail()
    other = invite(a, f"{new_key()}@example.org", "member")
    getattr(people, act)(mallory)
    assert other.pk in {each.pk for each in pending(a)}
    with pytest.raises(NotInvited):
        find(token, a)
