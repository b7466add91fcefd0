"""Invitations from the command line, and in the admin of the shared site."""

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.core.management import CommandError, call_command

from tenantry import override_tenant
from tenantry.models import EmailDomain, Invitation
from tenantry.users.acceptance import accept, find
from tenantry.users.invitations import invite
from tenantry.users.joining import claim_domain
from tenantry.users.people import people_of
from tests.users.people import PASSWORD, Browser, token_of_mail
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "mailoutbox")
LIST = "/admin/tenantry/invitation/"


@pytest.fixture(scope="module", name="tenant")
def one_tenant(database):
    made = provision("i")
    yield made
    drop(made)


@pytest.fixture
def email():
    return f"{new_key('guest')}@acme.example"


def test_the_verb_invites_and_tells_no_token(tenant, email, capsys):
    call_command("tenants", "invite", tenant.key, email, "admin", "member")
    said = capsys.readouterr().out
    assert f"{email} is invited to {tenant.key} as admin, member, until 20" in said
    token = token_of_mail()
    assert token not in said
    accept(find(token, tenant), password=PASSWORD)
    assert people_of(tenant).find(email)[0].roles == ("admin", "member")


def test_the_verb_invites_the_owner_of_a_tenant_that_has_none(tenant, email):
    call_command("tenants", "invite", tenant.key, email, "owner", verbosity=0)
    person = accept(find(token_of_mail(), tenant), password=PASSWORD)
    assert person.is_owner
    with pytest.raises(CommandError, match="it has an owner"):
        call_command("tenants", "invite", tenant.key, f"x{email}", "owner")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nobody", "x@acme.com"), "no tenant 'nobody'"),
        (("{key}", "nowhere"), "valid email"),
        (("{key}", "x@acme.com", "amdin"), "Did you mean 'admin'"),
    ],
)
def test_the_verb_refuses_what_cannot_be(tenant, words, said):
    given = [word.format(key=tenant.key) for word in words]
    with pytest.raises(CommandError, match=said):
        call_command("tenants", "invite", *given)
    assert not mail.outbox


def test_with_a_tenant_go_the_addresses_of_those_it_invited(tenant, email):
    gone = provision("g")
    for each in (gone, tenant):
        invite(each, email)
        claim_domain(each, "me@acme.com")
    drop(gone)
    left = Invitation.objects.filter(email=email).values_list("tenant_key", flat=True)
    assert list(left) == [tenant.key]
    assert not EmailDomain.objects.filter(tenant_key=gone.key).exists()
    assert EmailDomain.objects.filter(tenant_key=tenant.key).exists()


@pytest.fixture(name="staff")
def an_administrator():
    name = new_key("root")
    with override_tenant(None):
        user = User.objects.create_superuser(name, f"{name}@example.org", PASSWORD)
    browser = Browser()
    browser.force_login(user)
    return browser


def test_the_admin_shows_invitations_without_what_their_tokens_are_known_by(
    tenant, email, staff
):
    invitation = invite(tenant, email)
    assert email in staff.get(LIST).text
    page = staff.get(f"{LIST}{invitation.pk}/change/")
    assert page.status_code == 200
    assert email in page.text
    assert invitation.digest not in page.text


def test_the_admin_changes_none(tenant, email, staff):
    invitation = invite(tenant, email)
    path = f"{LIST}{invitation.pk}/"
    assert staff.get(f"{LIST}add/").status_code == 403
    assert staff.post(f"{path}change/", {"email": "x@evil.com"}).status_code == 403
    assert staff.post(f"{path}delete/", {"post": "yes"}).status_code == 403
    assert find(token_of_mail(), tenant).email == email


def test_a_tenants_own_admin_shows_none(tenant, email):
    invite(tenant, email)
    browser = Browser(tenant)
    person = people_of(tenant).create(f"x{email}", "admin", password=PASSWORD)
    browser.force_login(person.user)
    assert browser.get("/admin/").status_code == 200
    assert browser.get(LIST).status_code == 404
