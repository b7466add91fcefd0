"""An account is deleted with the tenants that are its own, after a grace period."""

import json
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib.auth import get_user_model
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from tenantry import override_tenant
from tenantry.exceptions import DeletionRefused, LifecycleError
from tenantry.lifecycle import state
from tenantry.lifecycle.provision import finish
from tenantry.models import AuditEntry, ScheduledDeletion, UsedKey
from tenantry.users import deletion, signup
from tenantry.users.people import members_of
from tests.customers.models import Tenant
from tests.users.signing_up import PASSWORD, SHARED, signing_up_makes, text_of
from tests.world import drop, in_threads, new_key, provision, replaced

pytestmark = pytest.mark.usefixtures("database", "access")
DELETE, KEEP = "/people/account/delete/", "/people/account/keep/"


@pytest.fixture
def access(django_db_blocker, settings):
    signing_up_makes(settings, "tenant")
    with django_db_blocker.unblock():
        yield
        ScheduledDeletion.objects.all().delete()
        drop(*Tenant.objects.all())
        get_user_model().objects.all().delete()


def new_user(name):
    return get_user_model().objects.create_user(name, f"{name}@example.net", PASSWORD)


@pytest.fixture
def ann():
    return new_user("ann")


@pytest.fixture
def own(ann):
    """Ann's own tenant."""
    return signup.provision_for(ann, key=new_key("own"))


def signed_in(user):
    client = Client(headers={"host": SHARED})
    client.force_login(user)
    return client


def state_of(tenant):
    return Tenant.objects.get(pk=tenant.pk).state


def make_due():
    ScheduledDeletion.objects.update(due_at=timezone.now() - timedelta(seconds=1))


def purge(*args, **options):
    call_command("tenants", "purge", *args, **options)


def exists(user):
    return get_user_model().objects.filter(pk=user.pk).exists()


def actions():
    return list(
        AuditEntry.objects.filter(action__startswith="account.deleti")
        .order_by("pk")
        .values_list("action", flat=True)
    )


def test_a_tenant_is_out_of_service_at_once_and_nothing_is_deleted(ann, own):
    client, before = signed_in(ann), len(actions())
    assert own.key in client.get(DELETE).content.decode()
    response = client.post(DELETE, {"password": PASSWORD})
    assert response.status_code == 302
    assert state_of(own) == "suspended"
    assert Client(headers={"host": f"{own.slug}.{SHARED}"}).get("/").status_code == 403
    purge()
    assert exists(ann)
    assert "Keep my account" in text_of(client.get(DELETE))
    assert actions()[before:] == ["account.deletion_asked"]


@pytest.mark.parametrize("password", ["", "wrong"])
def test_it_is_asked_for_by_password(ann, own, password):
    page = signed_in(ann).post(DELETE, {"password": password})
    assert page.status_code == 200
    assert state_of(own) == "active"
    assert not ScheduledDeletion.objects.exists()


def test_who_has_no_password_types_their_name(ann, own):
    ann.set_unusable_password()
    ann.save()
    client = signed_in(ann)
    assert client.post(DELETE, {"password": "bob"}).status_code == 200
    assert client.post(DELETE, {"password": "ann"}).status_code == 302


@pytest.mark.parametrize("url", [DELETE, KEEP])
def test_who_is_not_signed_in_is_led_to_the_login(url):
    client = Client(headers={"host": SHARED})
    for response in (client.get(url), client.post(url, {"password": PASSWORD})):
        assert response.status_code == 302
        assert f"next={url}" in response.url


def test_a_link_alone_keeps_and_deletes_nothing(ann, own):
    client = signed_in(ann)
    client.get(DELETE)
    assert state_of(own) == "active"
    deletion.ask(ann)
    client.get(KEEP)
    assert state_of(own) == "suspended"


def test_the_user_can_change_their_mind_and_everything_is_as_before(ann, own):
    deletion.ask(ann)
    assert signed_in(ann).post(KEEP).status_code == 302
    make_due()
    purge()
    assert state_of(own) == "active"
    assert exists(ann)
    assert actions()[-1] == "account.deletion_cancelled"
    assert deletion.keep(ann) is False


def test_what_an_operator_had_suspended_stays_so(ann, own):
    own.suspend()
    deletion.ask(ann)
    deletion.keep(ann)
    assert state_of(own) == "suspended"


def test_what_an_operator_suspends_meanwhile_stays_so_too(ann, own):
    deletion.ask(ann)
    state.suspend(own)
    deletion.keep(ann)
    assert state_of(own) == "suspended"


def test_when_it_is_due_tenant_account_and_memberships_go(ann, own):
    others = signup.provision_for(new_user("bob"), key=new_key("bob"))
    members_of(others).add(ann)
    deletion.ask(ann)
    assert state_of(others) == "active"
    make_due()
    purge()
    assert not exists(ann)
    assert not Tenant.objects.filter(key=own.key).exists()
    assert UsedKey.objects.get(key=own.key).dropped_at
    assert [person.name for person in members_of(others).all()] == ["bob"]
    assert not ScheduledDeletion.objects.exists()
    assert AuditEntry.objects.filter(
        action="member.left", tenant_key=others.key, target="ann"
    ).exists()
    assert actions()[-1] == "account.deletion_asked"
    assert AuditEntry.objects.filter(action="account.deleted", target="ann").exists()


def test_an_account_without_a_tenant_goes_too(ann):
    deletion.ask(ann)
    make_due()
    purge()
    assert not exists(ann)


def test_a_tenant_that_has_other_members_is_not_deleted(ann, own):
    members_of(own).add(new_user("bob"))
    page = signed_in(ann).post(DELETE, {"password": PASSWORD})
    assert own.key in text_of(page)
    assert state_of(own) == "active"
    with pytest.raises(DeletionRefused, match="Transfer"):
        deletion.ask(ann)


def test_somebody_who_joined_meanwhile_stops_the_deletion(ann, own):
    deletion.ask(ann)
    members_of(own).add(new_user("bob"))
    make_due()
    with pytest.raises(CommandError, match=own.key):
        purge()
    assert exists(ann)
    assert state_of(own) == "suspended"
    assert deletion.keep(ann)


def test_a_tenant_that_has_another_owner_by_then_stays(ann, own):
    deletion.ask(ann)
    bob = new_user("bob")
    members_of(own).add(bob)
    members_of(own).transfer(ann, bob)
    make_due()
    purge()
    assert state_of(own) == "suspended"
    assert not exists(ann)
    assert [person.name for person in members_of(own).all()] == ["bob"]


def test_a_tenant_that_is_being_made_is_not_deleted(ann):
    tenant = Tenant(key=new_key())
    signup.begin(ann, tenant)
    with pytest.raises(LifecycleError):
        deletion.ask(ann)
    assert not ScheduledDeletion.objects.exists()
    finish(tenant)


def test_asked_twice_it_is_due_when_it_was(ann, own):
    assert deletion.ask(ann).due_at == deletion.ask(ann).due_at
    assert ScheduledDeletion.objects.count() == 2


def test_a_purge_that_failed_half_way_is_finished_by_the_next(ann, own):
    deletion.ask(ann)
    make_due()

    def fail(*_):
        raise ZeroDivisionError

    with replaced(deletion, "_delete_account", fail), pytest.raises(CommandError):
        purge()
    assert not Tenant.objects.filter(key=own.key).exists()
    assert exists(ann)
    with pytest.raises(DeletionRefused, match="has begun"):
        deletion.keep(ann)
    assert "too late" in text_of(signed_in(ann).post(KEEP))
    purge()
    assert not exists(ann)


def test_a_deletion_that_was_cancelled_and_asked_for_anew_is_due_later(ann, own):
    """Also for a purge that had looked before."""
    deletion.ask(ann)
    make_due()
    (account,) = deletion.due()
    deletion.keep(ann)
    deletion.ask(ann)
    deletion.purge(account)
    assert exists(ann)
    assert state_of(own) == "suspended"


def test_a_failure_stops_no_other(ann, own):
    bob = new_user("bob")
    deletion.ask(ann)
    deletion.ask(bob)
    members_of(own).add(new_user("eve"))
    make_due()
    with pytest.raises(CommandError, match="1 of 2"):
        purge()
    assert exists(ann)
    assert not exists(bob)


@pytest.mark.parametrize("first", ["keep", "purge"])
def test_who_changes_their_mind_as_it_is_due_keeps_all_or_nothing(ann, own, first):
    """Both at once: one wins, and the other does nothing."""
    deletion.ask(ann)
    make_due()
    (account,) = deletion.due()
    at_once = Barrier(2)

    def keep():
        at_once.wait()
        try:
            return deletion.keep(ann)
        except DeletionRefused:
            return False

    def go():
        at_once.wait()
        deletion.purge(account)

    pair = (keep, go) if first == "keep" else (go, keep)
    kept = in_threads(*pair)[pair.index(keep)]
    assert exists(ann) == kept
    assert Tenant.objects.filter(key=own.key, state="active").exists() == kept


def test_dry_run_shows_what_is_due_and_does_nothing(ann, own, capsys):
    deletion.ask(ann)
    purge("--dry-run")
    assert "Nothing is due" in capsys.readouterr().out
    make_due()
    purge("--dry-run")
    shown = capsys.readouterr().out
    assert "ann" in shown
    assert own.key in shown
    assert exists(ann)
    purge("--dry-run", "--format=json")
    (listed,) = json.loads(capsys.readouterr().out)
    assert (listed["account"], listed["tenants"]) == ("ann", [own.key])


def test_pages_of_accounts_are_not_the_tenants(ann):
    tenant = provision()
    with override_tenant(None):
        members_of(tenant).add(ann)
    client = Client(headers={"host": f"{tenant.slug}.{SHARED}"})
    client.force_login(ann)
    assert client.get(DELETE).status_code == 404
