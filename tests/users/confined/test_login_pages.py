"""Each tenant's own login: its people, its sessions, its links; told to nobody else."""

import re
from unittest import mock

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.core import mail
from django.test import override_settings

from tenantry import override_tenant
from tenantry.catalog import sign_outs
from tenantry.models import AuditEntry, SignOut
from tenantry.scopes import signing
from tests.users.browser import Browser, at, log_in
from tests.world import ONE, replaced

pytestmark = pytest.mark.filterwarnings("ignore:.*MAILERS")
ENCODE = MD5PasswordHasher.encode
RESET = "/people/password/reset/"


@pytest.fixture(autouse=True)
def nobody_signed_out(tenants):
    yield
    SignOut.objects.all().delete()


def logged_in(tenant):
    """Return a browser in which Ann of the tenant is logged in."""
    browser = Browser()
    log_in(browser, tenant, "ann", f"pw of {tenant.key}")
    assert browser.name(tenant) == "ann"
    return browser


def test_the_same_address_in_two_tenants_is_two_people(tenants):
    a, b = tenants
    browser = Browser()
    log_in(browser, b, "ann", f"pw of {a.key}")
    assert browser.name(b) == "nobody"
    assert logged_in(b).name(a) == "nobody"


def test_a_login_is_written_down_in_its_tenant(tenants):
    logged_in(tenants[1])
    found = AuditEntry.objects.filter(action="user.signed_in").first()
    assert (found.tenant_key, found.actor) == (tenants[1].key, "ann")


def test_a_session_of_one_is_none_of_the_other(tenants):
    a, b = tenants
    browser = logged_in(a)
    browser.client(at(b, "/")).cookies = browser.client(at(a, "/")).cookies
    assert browser.name(b) == "nobody"


def test_control_the_premise_is_that_keys_of_users_collide(tenants):
    keys = []
    for tenant in tenants:
        with override_tenant(tenant):
            keys.append(User.objects.get(username="ann").pk)
    assert keys == [ONE, ONE]


def refused(tenant, name, password):
    """Return what is answered to a login, and how often a password was hashed."""
    with mock.patch.object(
        MD5PasswordHasher, "encode", autospec=True, side_effect=ENCODE
    ) as hashed:
        answer = log_in(Browser(), tenant, name, password)
    typed = re.compile(rf'value="(\w{{64}}|{name})"')
    return answer.status_code, typed.sub("", answer.content.decode()), hashed.call_count


@pytest.mark.parametrize(
    "backend",
    [
        "django.contrib.auth.backends.ModelBackend",
        # It lets in who is not active, and leaves it to the form to refuse them.
        "django.contrib.auth.backends.AllowAllUsersModelBackend",
    ],
)
def test_a_login_does_not_tell_who_has_an_account(tenants, backend):
    a = tenants[0]
    with override_tenant(a):
        User.objects.create_user("gone", password="pw", is_active=False)
    with override_settings(AUTHENTICATION_BACKENDS=[backend]):
        found = [
            refused(a, "ann", "wrong"),
            refused(a, "gone", "pw"),
            refused(a, "nobody", "pw"),
        ]
    with override_tenant(a):
        User.objects.get(username="gone").delete()
    assert "Please enter a correct username" in found[0][1]
    assert found[0][2] == 1
    assert found == [found[0]] * 3


def test_control_the_right_password_is_let_in(tenants):
    assert logged_in(tenants[0])


def test_there_is_no_shared_site_to_sign_in_by(tenants):
    page = Browser().get(at(tenants[0], "/people/login/")).content.decode()
    assert "shared site" not in page
    assert Browser().get(at(tenants[0], "/people/enter/")).status_code == 404
    receive = at(tenants[0], "/people/receive/?token=x")
    assert Browser().get(receive).status_code == 403


# Signing out


def everywhere(browser, tenant):
    browser.post(at(tenant, "/people/logout/everywhere/"))


def test_signing_out_everywhere_is_of_one_tenant(tenants):
    a, b = tenants
    one, two, of_b = logged_in(a), logged_in(a), logged_in(b)
    everywhere(one, a)
    assert (one.name(a), two.name(a)) == ("nobody", "nobody")
    assert of_b.name(b) == "ann"


def test_control_by_the_primary_key_alone_it_would_be_of_both(tenants):
    a, b = tenants
    with replaced(sign_outs, "place_of", lambda _: ""):
        one, of_b = logged_in(a), logged_in(b)
        everywhere(one, a)
        assert of_b.name(b) == "nobody"


# Forgotten passwords


def link(tenant):
    mail.outbox.clear()
    answer = Browser().post(at(tenant, RESET), email="ann@example.com")
    assert answer.status_code == 200
    return re.search(r"https?://\S+", mail.outbox[0].body)[0].replace("http:", "https:")


def page(url):
    return Browser().get(url).content.decode()


@pytest.fixture
def same_rows(tenants):
    """The users of both tenants are the same in all that a token is made of."""
    with override_tenant(tenants[0]):
        password = User.objects.get(pk=ONE).password
    for tenant in tenants:
        with override_tenant(tenant):
            User.objects.filter(pk=ONE).update(password=password, last_login=None)
    yield
    for tenant in tenants:
        with override_tenant(tenant):
            user = User.objects.get(pk=ONE)
            user.set_password(f"pw of {tenant.key}")
            user.save()


def test_a_link_of_one_is_worthless_at_the_other(tenants, same_rows):
    a, b = tenants
    url = link(a)
    assert "new_password1" in page(url)
    assert "of no use" in page(url.replace(at(a, "/"), at(b, "/")))


def test_control_by_one_key_for_all_it_would_open(tenants, same_rows):
    a, b = tenants
    with replaced(signing, "derive", lambda secret, _: secret):
        assert "new_password1" in page(link(a).replace(at(a, "/"), at(b, "/")))


def test_who_asks_for_a_link_is_told_nothing(tenants):
    with override_tenant(tenants[0]):
        User.objects.create_user("gone", "gone@example.com", "pw", is_active=False)
    mail.outbox.clear()
    told = {
        Browser().post(at(tenants[0], RESET), email=f"{name}@example.com").content
        for name in ("ann", "gone", "nobody")
    }
    assert len(told) == 1
    assert [each.to for each in mail.outbox] == [["ann@example.com"]]
    with override_tenant(tenants[0]):
        User.objects.get(username="gone").delete()
