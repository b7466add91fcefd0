"""Signing up makes a tenant with its first user; at a tenant, a user of that one."""

import pytest
from django.contrib.auth import get_user_model

from tenantry import override_tenant
from tenantry.checks import check_settings
from tenantry.models import PendingOwner
from tenantry.signals import lifecycle_step, tenant_provisioned
from tenantry.users import pending, signup, waiting
from tests.customers.models import Tenant
from tests.users.browser import Browser
from tests.users.signing_up import (
    PASSWORD,
    SHARED,
    UNTIL_DONE,
    form,
    receiving,
    sign_up,
    signing_up_makes,
    text_of,
    visitor,
)
from tests.world import drop, new_key, provision

pytestmark = pytest.mark.usefixtures("database", "access")


@pytest.fixture
def access(django_db_blocker, settings, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", UNTIL_DONE)
    signing_up_makes(settings, "tenant")
    with django_db_blocker.unblock():
        yield
        drop(*Tenant.objects.all())


def users_of(tenant):
    with override_tenant(tenant):
        return list(get_user_model().objects.all())


def test_signing_up_makes_a_live_tenant_with_its_first_user():
    key, client = new_key(), visitor()
    response = sign_up(client, "ann", key=key, name="Ann's")
    tenant = Tenant.objects.get(key=key)
    assert (tenant.state, tenant.name) == ("active", "Ann's")
    (ann,) = users_of(tenant)
    assert (ann.username, ann.is_staff, ann.is_superuser) == ("ann", True, True)
    assert ann.check_password(PASSWORD)
    assert not PendingOwner.objects.exists()
    assert client.get(response.url).url.startswith(f"https://{key}.{SHARED}/")


def test_the_visitor_ends_at_the_login_of_the_tenant():
    key, browser = new_key(), Browser()
    browser.post(f"https://{SHARED}/people/signup/", **form("ann", key=key))
    login = f"https://{key}.{SHARED}/people/login/"
    assert browser.visited[-1] == login
    browser.post(login, username="ann", password=PASSWORD)
    assert browser.name(Tenant.objects.get(key=key)) == "ann"


def test_the_shared_site_needs_no_users_of_its_own(settings):
    urls = "tests.users.confined.urls_shared"
    assert "tenantry.W091" in [each.id for each in check_settings()]
    signing_up_makes(settings, "tenant", SHARED_URLCONF=urls)
    assert "tenantry.W091" not in [each.id for each in check_settings()]
    key, client = new_key(), visitor()
    response = sign_up(client, "ann", key=key)
    assert client.get(response.url).url.startswith(f"https://{key}.{SHARED}/")


def test_two_tenants_have_first_users_of_one_name():
    keys = [new_key(), new_key()]
    for key in keys:
        sign_up(visitor(), "ann", key=key)
    assert [[u.username for u in users_of(key)] for key in keys] == [["ann"]] * 2


def test_the_first_user_is_there_before_the_tenant_is_routable():
    key, seen = new_key(), []

    def look(*, step, done, **_):
        if (step, done) == ("activated", False):
            seen.extend(users_of(Tenant.objects.get(key=key)))

    with receiving(lifecycle_step, look):
        sign_up(visitor(), "ann", key=key)
    assert [user.username for user in seen] == ["ann"]


def test_what_is_kept_meanwhile_is_no_password():
    key = new_key()
    new = get_user_model()(username="ann")
    new.set_password(PASSWORD)
    tenant = Tenant(key=key)
    signup.begin(new, tenant)
    kept = PendingOwner.objects.get(tenant_key=key)
    assert PASSWORD not in str(kept.values)
    with override_tenant(None):
        from tenantry.lifecycle.provision import finish

        finish(tenant)
    assert not PendingOwner.objects.exists()


def test_a_tenant_whose_making_failed_leaves_nothing():
    key, client = new_key(), visitor()

    def fail(**_):
        raise ZeroDivisionError

    with receiving(tenant_provisioned, fail):
        shown = client.get(sign_up(client, "ann", key=key).url)
    assert "nothing of it is left" in text_of(shown)
    assert not Tenant.objects.exists()
    assert not PendingOwner.objects.exists()
    assert sign_up(client, "ann", key=key).status_code == 302
    assert len(users_of(key)) == 1


def test_a_tenant_that_is_dropped_before_it_lived_leaves_nothing():
    tenant = Tenant(key=new_key())
    signup.begin(get_user_model()(username="ann"), tenant)
    with override_tenant(None):
        from tenantry.lifecycle.provision import undo

        undo(tenant)
    assert not PendingOwner.objects.exists()


def test_without_the_receiver_there_would_be_no_first_user():
    """The negative control: what makes the user is our receiver alone."""
    key = new_key()
    tenant_provisioned.disconnect(pending.make, dispatch_uid="tenantry.pending")
    try:
        sign_up(visitor(), "ann", key=key)
    finally:
        tenant_provisioned.connect(pending.make, dispatch_uid="tenantry.pending")
    assert users_of(key) == []


def test_people_register_at_a_tenant_where_the_settings_say_so(settings):
    one, two = provision(), provision()
    signing_up_makes(settings, "account")
    client = visitor(f"{one.slug}.{SHARED}")
    page = client.get("/people/signup/").content.decode()
    assert "password1" in page
    assert "tenant_name" not in page
    assert client.post("/people/signup/", form("bob")).status_code == 302
    assert client.get("/whoami/").content.decode().endswith("bob")
    (bob,) = users_of(one)
    assert (bob.is_staff, bob.is_superuser) == (False, False)
    assert users_of(two) == []
    again = visitor(f"{one.slug}.{SHARED}").post("/people/signup/", form("BOB"))
    assert "already exists" in text_of(again)
    other = visitor(f"{two.slug}.{SHARED}").post("/people/signup/", form("bob"))
    assert other.status_code == 302


def test_the_shared_site_has_no_accounts(settings):
    signing_up_makes(settings, "account")
    assert visitor().get("/people/signup/").status_code == 404
    assert sign_up(visitor(), "ann").status_code == 404


@pytest.mark.parametrize("what", [None, "tenant"])
def test_nobody_registers_at_a_tenant_that_does_not_allow_it(settings, what):
    tenant = provision()
    signing_up_makes(settings, what)
    client = visitor(f"{tenant.slug}.{SHARED}")
    assert client.get("/people/signup/").status_code == 404
    assert client.post("/people/signup/", form("ann")).status_code == 404
    assert users_of(tenant) == []
