"""A forgotten password: members alone get a mail, and its link is for one tenant."""

import re

import pytest
from django.core import mail

from tenantry.users.models import Membership
from tests.users.browser import Browser, at, log_in

pytestmark = pytest.mark.filterwarnings("ignore:.*MAILERS")
RESET = "/people/password/reset/"


@pytest.fixture
def member(tenants, user):
    """The shared user is a member of the first tenant."""
    Membership.objects.create(tenant=tenants[0], user=user)
    return user


def asked(place, email):
    """Ask for a new password; return the answer, and the mails."""
    mail.outbox.clear()
    answer = Browser().post(at(place, RESET), email=email)
    return (answer.status_code, answer.content), list(mail.outbox)


def test_members_get_a_mail_and_who_asks_is_told_nothing(member, tenants):
    told, sent = asked(tenants[0], "ann@example.com")
    assert [each.to for each in sent] == [["ann@example.com"]]
    assert asked(tenants[0], "nobody@example.com") == (told, [])
    assert told[0] == 200


def test_a_shared_user_gets_none_from_where_they_are_no_member(member, tenants):
    told, sent = asked(tenants[1], "ann@example.com")
    assert sent == []
    assert told == asked(tenants[1], "nobody@example.com")[0]


def link(tenant):
    """Return the link of a mail of the tenant's."""
    _, sent = asked(tenant, "ann@example.com")
    return re.search(r"https?://\S+", sent[0].body)[0].replace("http://", "https://")


def page(url):
    return Browser().get(url).content.decode()


def test_the_link_is_of_the_tenant_and_worthless_in_another(member, tenants):
    Membership.objects.create(tenant=tenants[1], user=member)
    url = link(tenants[0])
    assert url.startswith(at(tenants[0], RESET))
    assert "new_password1" in page(url)
    other = url.replace(at(tenants[0], "/"), at(tenants[1], "/"))
    assert other != url
    assert "of no use" in page(other)
    assert "of no use" in page(url.replace(at(tenants[0], "/"), at(None, "/")))


def test_the_link_of_a_removed_member_is_worthless(member, tenants):
    url = link(tenants[0])
    Membership.objects.all().delete()
    assert "of no use" in page(url)


def test_the_new_password_is_that_of_the_account_everywhere(member, tenants):
    browser = Browser()
    browser.get(link(tenants[0]))
    new = {"new_password1": "another pw", "new_password2": "another pw"}
    assert b"is set" in browser.post(browser.visited[-1], **new).content
    log_in(browser, tenants[0], "ann", "another pw")
    assert browser.name(tenants[0]) == "ann"
