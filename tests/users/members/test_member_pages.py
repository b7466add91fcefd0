"""The pages of members: who sees them, what they change, and in which tenant alone."""

from unittest import mock

import pytest
from django.core import mail

from tenantry import override_tenant
from tenantry.models import Invitation
from tenantry.users.invitations import invite, pending
from tenantry.users.models import Membership
from tenantry.users.people import people_of
from tenantry.users.views import members as pages
from tests.users.people import Browser, user_of
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
    empty(two[0])


@pytest.fixture
def b(two):
    yield two[1]
    empty(two[1])


def empty(tenant):
    with override_tenant(None):
        rows = Membership.objects.filter(tenant__key=tenant.key)
        rows.update(is_owner=False)
        rows.delete()
        Invitation.objects.filter(tenant_key=tenant.key).delete()


def member(tenant, *roles, **fields):
    user = user_of(None, **fields)
    people_of(tenant).add(user, *roles)
    return user


def browser_of(tenant, user):
    browser = Browser(tenant)
    browser.force_login(user)
    return browser


def state(tenant, user):
    person = people_of(tenant).of_user(user)
    return None if person is None else (person.state, person.roles, person.is_owner)


ALL = ["members/", "members/{}/", "transfer/", "leave/", "invitations/", "domains/"]
OF_MANAGERS = ["members/{}/", "invitations/", "domains/"]


def test_members_see_each_other_and_only_managers_see_buttons(a):
    boss, ann = member(a, "owner"), member(a, "member")
    for user, sees in ((boss, True), (ann, False)):
        page = browser_of(a, user).get("/people/members/").text
        assert ann.email in page
        assert boss.email in page
        assert (f'href="/people/members/{ann.pk}/"' in page) is sees
        assert ('href="/people/invitations/"' in page) is sees


@pytest.mark.parametrize("path", OF_MANAGERS)
def test_a_member_who_manages_nothing_is_refused(a, path):
    ann, bob = member(a, "member"), member(a)
    browser = browser_of(a, ann)
    path = f"/people/{path.format(bob.pk)}"
    before = state(a, bob)
    assert browser.get(path).status_code == 403
    answer = browser.post(path, {"act": "remove", "email": "x@acme.com"})
    assert answer.status_code == 403
    assert state(a, bob) == before
    assert not mail.outbox


@pytest.mark.parametrize("path", OF_MANAGERS)
def test_control_without_the_guard_a_member_sees_what_managers_do(a, path):
    ann, bob = member(a, "member"), member(a)
    manages = people_of(a).powers(member(a, "admin"))
    with mock.patch("tenantry.users.shared.SharedPeople.powers", return_value=manages):
        answer = browser_of(a, ann).get(f"/people/{path.format(bob.pk)}")
    assert answer.status_code == 200


@pytest.mark.parametrize("path", ALL)
def test_who_is_no_member_finds_nothing(a, path):
    nobody, ann = user_of(None), member(a)
    answer = browser_of(a, nobody).get(f"/people/{path.format(ann.pk)}")
    # Nobody is signed in at a tenant where they are no member.
    assert answer.status_code in (302, 404)
    assert ann.email not in answer.text


@pytest.mark.parametrize("path", ALL)
def test_who_is_not_signed_in_is_asked_to(a, path):
    answer = Browser(a).get(f"/people/{path.format(1)}")
    assert answer.status_code == 302
    assert "login" in answer["Location"]


def test_roles_are_those_that_are_ticked(a):
    boss, ann = member(a, "admin"), member(a, "member")
    browser, path = browser_of(a, boss), f"/people/members/{ann.pk}/"
    assert 'value="member" id="id_roles_1" checked' in browser.get(path).text
    answer = browser.post(path, {"act": "roles", "roles": ["admin"]})
    assert (answer.status_code, answer["Location"]) == (302, "/people/members/")
    assert state(a, ann) == ("active", ("admin",), False)
    browser.post(path, {"act": "roles", "roles": []})
    assert state(a, ann) == ("active", (), False)


def test_nobody_makes_an_owner_or_an_unknown_role_by_the_form(a):
    boss, ann = member(a, "admin"), member(a, "member")
    browser, path = browser_of(a, boss), f"/people/members/{ann.pk}/"
    for name in ("owner", "chief"):
        answer = browser.post(path, {"act": "roles", "roles": [name]})
        assert answer.status_code == 400
    assert state(a, ann) == ("active", ("member",), False)


def test_a_member_is_suspended_resumed_and_removed(a):
    boss, ann = member(a, "admin"), member(a, "member")
    browser, path = browser_of(a, boss), f"/people/members/{ann.pk}/"
    for act, then in (
        ("suspend", ("suspended", ("member",), False)),
        ("resume", ("active", ("member",), False)),
        ("remove", None),
    ):
        assert browser.post(path, {"act": act}).status_code == 302
        assert state(a, ann) == then
    assert browser.post(path, {"act": "remove"}).status_code == 404


@pytest.mark.parametrize("act", ["suspend", "remove"])
def test_the_owner_is_neither_suspended_nor_removed(a, act):
    owner, boss = member(a, "owner"), member(a, "admin")
    answer = browser_of(a, boss).post(f"/people/members/{owner.pk}/", {"act": act})
    assert answer.status_code in (400, 403)
    assert state(a, owner) == ("active", (), True)


def test_nobody_gives_by_the_form_what_they_lack(a, settings):
    settings.TENANTRY = {
        **settings.TENANTRY,
        "ROLES": {"clerk": {"MANAGES": True}, "chief": {"SUPERUSER": True}},
    }
    clerk, ann = member(a, "clerk"), member(a)
    browser = browser_of(a, clerk)
    given = {"act": "roles", "roles": ["chief"]}
    assert browser.post(f"/people/members/{ann.pk}/", given).status_code == 403
    given = {"email": "x@acme.com", "roles": ["chief"]}
    assert browser.post("/people/invitations/", given).status_code == 403
    assert state(a, ann) == ("active", (), False)
    assert not mail.outbox


def test_what_the_page_cannot_do_is_said(a):
    boss, ann = member(a, "admin"), member(a)
    answer = browser_of(a, boss).post(f"/people/members/{ann.pk}/", {"act": "x"})
    assert answer.status_code == 400


@pytest.mark.parametrize("act", ["roles", "suspend", "resume", "remove"])
def test_a_manager_of_one_tenant_touches_no_member_of_another(a, b, act):
    boss, ann = member(a, "admin"), user_of(None)
    people_of(b).add(ann, "member")
    browser, path = browser_of(a, boss), f"/people/members/{ann.pk}/"
    assert browser.get(path).status_code == 404
    answer = browser.post(path, {"act": act, "roles": ["admin"]})
    assert answer.status_code == 404
    assert state(b, ann) == ("active", ("member",), False)
    # Where both know the person, the act is in the one tenant alone.
    people_of(a).add(ann)
    assert browser.post(path, {"act": act, "roles": ["admin"]}).status_code == 302
    assert state(b, ann) == ("active", ("member",), False)


def test_control_with_another_tenants_people_a_manager_would(a, b):
    boss, ann = member(a, "admin"), user_of(None)
    people_of(b).add(boss, "admin")
    people_of(b).add(ann, "member")
    theirs = people_of(b).get(ann.pk)
    with (
        mock.patch.object(pages, "_person", return_value=theirs),
        mock.patch("tenantry.users.views.access.people_of", return_value=people_of(b)),
    ):
        answer = browser_of(a, boss).post(
            f"/people/members/{ann.pk}/", {"act": "remove"}
        )
    assert answer.status_code == 302
    assert state(b, ann) is None


def test_who_manages_one_tenant_manages_not_another_where_they_are_a_member(a, b):
    both, ann = member(a, "admin"), member(b)
    people_of(b).add(both, "member")
    answer = browser_of(b, both).post(f"/people/members/{ann.pk}/", {"act": "remove"})
    assert answer.status_code == 403
    assert state(b, ann)


@pytest.mark.parametrize("pk", ["0", "x", "1 OR 1=1", "9" * 40, "None"])
def test_a_primary_key_that_is_none_is_not_found(a, pk):
    boss = member(a, "admin")
    assert browser_of(a, boss).get(f"/people/members/{pk}/").status_code == 404


def test_every_act_needs_the_token_of_its_form(a):
    owner, ann = member(a, "owner"), member(a)
    browser = Browser(a, enforce_csrf_checks=True)
    browser.force_login(owner)
    invitation = invite(a, "x@acme.com")
    for path, given in (
        (f"members/{ann.pk}/", {"act": "remove"}),
        ("transfer/", {"to": ann.pk}),
        ("leave/", {}),
        ("invitations/", {"email": "y@acme.com"}),
        (f"invitations/{invitation.pk}/withdraw/", {}),
        (f"invitations/{invitation.pk}/resend/", {}),
        ("domains/", {"email": "y@acme.com"}),
    ):
        assert browser.post(f"/people/{path}", given).status_code == 403
    assert state(a, owner) == ("active", (), True)
    assert state(a, ann)
    assert len(mail.outbox) == 1


def test_acts_are_not_done_by_opening_a_page(a):
    boss, ann = member(a, "admin"), member(a)
    browser = browser_of(a, boss)
    invitation = invite(a, f"{new_key('x')}@acme.com")
    browser.get(f"/people/members/{ann.pk}/?act=remove")
    browser.get("/people/leave/")
    path = f"/people/invitations/{invitation.pk}"
    assert browser.get(f"{path}/withdraw/").status_code == 405
    assert browser.get(f"{path}/resend/").status_code == 405
    assert state(a, ann)
    assert state(a, boss)
    assert [each.pk for each in pending(a)] == [invitation.pk]


# Ownership, leaving.


def test_the_owner_hands_over_the_ownership(a):
    owner, ann = member(a, "owner"), member(a, "member")
    browser = browser_of(a, owner)
    assert ann.email in browser.get("/people/transfer/").text
    assert browser.post("/people/transfer/", {"to": ann.pk}).status_code == 302
    assert state(a, ann) == ("active", ("member",), True)
    assert state(a, owner) == ("active", (), False)
    assert browser.post("/people/transfer/", {"to": owner.pk}).status_code == 404


def test_nobody_else_hands_over_the_ownership(a):
    owner, boss = member(a, "owner"), member(a, "admin")
    answer = browser_of(a, boss).post("/people/transfer/", {"to": boss.pk})
    assert answer.status_code == 404
    assert state(a, owner) == ("active", (), True)


def test_the_ownership_stays_in_the_tenant(a, b):
    owner, stranger = member(a, "owner"), member(b)
    answer = browser_of(a, owner).post("/people/transfer/", {"to": stranger.pk})
    assert answer.status_code == 404
    assert state(a, owner) == ("active", (), True)


def test_a_suspended_one_becomes_no_owner(a):
    owner, ann = member(a, "owner"), member(a)
    people_of(a).suspend(ann)
    answer = browser_of(a, owner).post("/people/transfer/", {"to": ann.pk})
    assert answer.status_code == 400
    assert "who must have access" in answer.text


def test_a_member_leaves_and_is_signed_out(a, b):
    ann = member(a)
    people_of(b).add(ann)
    browser = browser_of(a, ann)
    answer = browser.post("/people/leave/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert state(a, ann) is None
    assert state(b, ann)
    assert browser.get("/whoami/").text == "nobody"


def test_the_owner_cannot_leave(a):
    owner = member(a, "owner")
    browser = browser_of(a, owner)
    assert "first" in browser.get("/people/leave/").text
    assert browser.post("/people/leave/").status_code == 400
    assert state(a, owner)


# Inviting.


def test_a_manager_invites_sends_again_and_withdraws(a):
    boss = member(a, "admin")
    email = f"{new_key('x')}@acme.com"
    browser = browser_of(a, boss)
    given = {"email": email, "roles": ["member"]}
    assert browser.post("/people/invitations/", given).status_code == 302
    (invitation,) = pending(a)
    assert (invitation.email, invitation.roles) == (email, ["member"])
    assert email in browser.get("/people/invitations/").text
    path = f"/people/invitations/{invitation.pk}"
    assert browser.post(f"{path}/resend/").status_code == 302
    assert len(mail.outbox) == 2
    assert browser.post(f"{path}/withdraw/").status_code == 302
    assert not pending(a)
    assert browser.post(f"{path}/withdraw/").status_code == 404


def test_a_mail_that_cannot_be_sent_is_told_and_the_invitation_is_there(a, caplog):
    browser = browser_of(a, member(a, "admin"))
    with mock.patch("tenantry.users.mails.send_mail", side_effect=OSError("down")):
        answer = browser.post("/people/invitations/", {"email": "x@acme.com"})
        (invitation,) = pending(a)
        path = f"/people/invitations/{invitation.pk}/resend/"
        again = browser.post(path, follow=True)
    assert answer.status_code == 400
    assert "could not be sent" in answer.text
    assert "could not be sent" in again.text
    assert "was not sent" in caplog.text


def test_inviting_who_is_there_is_refused_by_the_page(a):
    boss, ann = member(a, "admin"), member(a)
    answer = browser_of(a, boss).post("/people/invitations/", {"email": ann.email})
    assert answer.status_code == 400
    assert "is here already" in answer.text


def test_another_tenants_invitation_is_neither_seen_nor_touched(a, b):
    boss = member(a, "admin")
    theirs = invite(b, f"{new_key('x')}@acme.com")
    browser = browser_of(a, boss)
    assert theirs.email not in browser.get("/people/invitations/").text
    for act in ("withdraw", "resend"):
        path = f"/people/invitations/{theirs.pk}/{act}/"
        assert browser.post(path).status_code == 404
    assert theirs.pk in [each.pk for each in pending(b)]
    assert len(mail.outbox) == 1


def test_control_without_the_lookup_another_tenants_is_withdrawn(a, b):
    boss = member(a, "admin")
    people_of(b).add(boss, "admin")
    theirs = invite(b, f"{new_key('x')}@acme.com")
    where = "tenantry.users.views.invitations._open"
    with mock.patch(where, return_value=theirs):
        browser_of(a, boss).post(f"/people/invitations/{theirs.pk}/withdraw/")
    assert theirs.pk not in [each.pk for each in pending(b)]


def test_names_are_shown_as_text(a):
    boss = member(a, "admin", first_name="<b>x</b>")
    page = browser_of(a, boss).get("/people/members/").text
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page
