"""A tenant is dropped at its owner's wish, after a grace period, and only then."""

import re
from datetime import timedelta

import pytest
from django.contrib.auth import get_user_model
from django.core import mail
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from tenantry import override_tenant
from tenantry.exceptions import DeletionRefused
from tenantry.lifecycle import provision as lifecycle
from tenantry.models import ScheduledDeletion
from tenantry.users import closing
from tenantry.users.people import people_of
from tests.customers.models import Tenant
from tests.users.signing_up import (
    PASSWORD,
    SHARED,
    mails_are_kept,
    signing_up_makes,
    text_of,
    visitor,
)
from tests.world import drop, new_key, replaced

pytestmark = pytest.mark.usefixtures("database", "access")
DELETE = "/people/delete/"


@pytest.fixture
def access(django_db_blocker, settings):
    signing_up_makes(settings, "tenant")
    mails_are_kept(settings)
    with django_db_blocker.unblock():
        yield
        ScheduledDeletion.objects.all().delete()
        drop(*Tenant.objects.all())


@pytest.fixture
def own():
    """A tenant that its first user owns."""
    ann = get_user_model()(username="ann", email="ann@example.net")
    ann.set_password(PASSWORD)
    return Tenant.objects.provision(key=new_key(), owner=ann)


@pytest.fixture
def ann(own):
    return people_of(own).all()[0].user


def signed_in(tenant, user):
    client = visitor(f"{tenant.slug}.{SHARED}")
    with override_tenant(tenant):
        client.force_login(user)
    return client


def state_of(tenant):
    return Tenant.objects.get(pk=tenant.pk).state


def make_due():
    ScheduledDeletion.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def ask(tenant, user):
    """Ask for it by the page; return the path of the link by which it is kept."""
    page = signed_in(tenant, user).post(DELETE, {"password": PASSWORD})
    (path,) = set(
        re.findall(rf"https://{SHARED}(/people/[^\s\"<]+)", str(page.content))
    )
    (sent,) = mail.outbox
    assert (sent.to, path in sent.body) == (["ann@example.net"], True)
    return path


def test_it_is_out_of_service_at_once_and_dropped_when_it_is_due(own, ann):
    ask(own, ann)
    assert state_of(own) == "suspended"
    call_command("tenants", "purge")
    assert state_of(own) == "suspended"
    make_due()
    call_command("tenants", "purge")
    assert not Tenant.objects.exists()
    assert not ScheduledDeletion.objects.exists()


def test_it_is_kept_by_the_link_and_a_button(own, ann):
    path = ask(own, ann)
    assert own.key in text_of(visitor().get(path))
    assert state_of(own) == "suspended"
    assert f"{own.key} is kept" in text_of(visitor().post(path))
    assert state_of(own) == "active"
    assert "nothing to be kept" in text_of(visitor().post(path))
    make_due()
    call_command("tenants", "purge")
    assert state_of(own) == "active"


def test_a_link_that_is_not_ours_keeps_nothing(own, ann):
    path = ask(own, ann)
    for forged in (f"{path[:-2]}/", "/people/account/keep/1/"):
        assert visitor().post(forged).status_code == 404
    assert state_of(own) == "suspended"


def test_an_old_link_does_not_keep_what_is_deleted_anew(own, ann):
    path = ask(own, ann)
    visitor().post(path)
    closing.ask(own.ref, ann)
    visitor().post(path)
    assert state_of(own) == "suspended"


@pytest.mark.parametrize("password", ["", "wrong"])
def test_it_is_asked_for_by_password(own, ann, password):
    assert signed_in(own, ann).post(DELETE, {"password": password}).status_code == 200
    assert state_of(own) == "active"


def test_without_the_page_that_keeps_it_nothing_is_suspended(own, ann, settings):
    settings.TENANTRY = {**settings.TENANTRY, "SHARED_URLCONF": "tests.urls_shared"}
    answer = signed_in(own, ann).post(DELETE, {"password": PASSWORD})
    assert (answer.status_code, state_of(own)) == (404, "active")


def test_its_owner_alone_may_and_only_while_alone(own, ann):
    bob = people_of(own).create("bob@example.net", "admin", password=PASSWORD).user
    assert signed_in(own, bob).get(DELETE).status_code == 404
    assert signed_in(own, bob).post(DELETE, {"password": PASSWORD}).status_code == 404
    page = signed_in(own, ann).post(DELETE, {"password": PASSWORD})
    assert "others are in it" in text_of(page).lower()
    with pytest.raises(DeletionRefused):
        closing.ask(own.ref, bob)
    assert state_of(own) == "active"


def test_who_is_not_signed_in_is_led_to_the_login(own):
    client = Client(headers={"host": f"{own.slug}.{SHARED}"})
    response = client.post(DELETE, {"password": PASSWORD})
    assert response.url.startswith("/people/login/")


def test_a_purge_that_failed_half_way_is_finished_by_the_next(own, ann):
    path = ask(own, ann)
    make_due()

    def fail(_tenant):
        raise ZeroDivisionError

    with replaced(lifecycle, "drop", fail), pytest.raises(CommandError, match=own.key):
        call_command("tenants", "purge")
    assert "too late" in text_of(visitor().post(path))
    call_command("tenants", "purge")
    assert not Tenant.objects.exists()
