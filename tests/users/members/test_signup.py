"""Signing up makes an account and a tenant that it owns, or neither."""

import re
from threading import Barrier, Event

import pytest
from django.contrib.auth import get_user_model
from django.core import mail, signing
from django.core.exceptions import ValidationError
from django.db import connections
from django.db.models import UniqueConstraint
from django.db.models.functions import Lower

from tenantry import override_tenant
from tenantry.exceptions import KeyTaken
from tenantry.models import AuditEntry, LifecycleRecord, UsedKey
from tenantry.signals import lifecycle_step, tenant_provisioned
from tenantry.users import confirming, signup, waiting
from tenantry.users.members import memberships_of
from tenantry.users.models import Membership
from tenantry.users.views.signup import SignupView
from tests.customers.models import Tenant
from tests.users.browser import Browser
from tests.users.signing_up import (
    PASSWORD,
    SHARED,
    UNTIL_DONE,
    form,
    mails_are_kept,
    receiving,
    sign_up,
    signing_up_makes,
    text_of,
    visitor,
)
from tests.world import drop, in_threads, new_key, provision, replaced

pytestmark = pytest.mark.usefixtures("database", "access")


@pytest.fixture
def access(django_db_blocker, settings, monkeypatch):
    monkeypatch.setattr(waiting, "PATIENCE", UNTIL_DONE)
    signing_up_makes(settings, "tenant")
    with django_db_blocker.unblock():
        yield
        drop(*Tenant.objects.all())
        get_user_model().objects.all().delete()


def user(name):
    return get_user_model().objects.get(username=name)


def end_of(client, response):
    """Return where the waiting page leads."""
    return client.get(response.url)


def test_signing_up_makes_an_account_and_a_live_tenant_that_it_owns():
    key, client = new_key(), visitor()
    response = sign_up(client, "ann", key=key, name="Ann's")
    tenant = Tenant.objects.get(key=key)
    assert (tenant.state, tenant.name) == ("active", "Ann's")
    (mine,) = memberships_of(user("ann"))
    assert (mine.tenant, mine.is_owner, mine.state) == (tenant, True, "active")
    assert end_of(client, response).url.startswith(f"https://{key}.{SHARED}/")
    assert user("ann").check_password(PASSWORD)
    assert client.session["_auth_user_id"] == str(user("ann").pk)
    assert AuditEntry.objects.filter(
        action="account.created", target="ann", tenant_key=""
    ).exists()


def test_the_visitor_ends_in_the_tenant_signed_in():
    key, browser = new_key(), Browser()
    given = form("ann", key=key)
    page = browser.post(f"https://{SHARED}/people/signup/", **given)
    assert browser.visited[-1] == f"https://{key}.{SHARED}/"
    assert page.status_code == 200
    assert browser.name(Tenant.objects.get(key=key)) == "ann"


def test_it_works_where_each_request_is_a_transaction(monkeypatch):
    monkeypatch.setitem(connections.settings["default"], "ATOMIC_REQUESTS", True)
    key, client = new_key(), visitor()
    response = sign_up(client, "ann", key=key)
    assert end_of(client, response).status_code == 302
    assert memberships_of(user("ann")).get().is_owner


def test_the_key_is_proposed_by_the_name():
    client = visitor()
    sign_up(client, "ann", name="2 Ännas Büro & Söhne")
    sign_up(visitor(), "bob", name="Annas Buro Sohne")
    keys = [m.tenant.key for name in ("ann", "bob") for m in memberships_of(user(name))]
    assert keys == ["annas-buro-sohne", "annas-buro-sohne-2"]


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("www", "'www' is reserved"),
        ("9lives", "a key is a letter a-z"),
        ("a b", "a key is a letter a-z"),
        ("taken", "'taken' is taken. 'taken-2' is free."),
        ("TAKEN", "'taken' is taken. 'taken-2' is free."),
        ("gone", "'gone' is taken. 'gone-2' is free."),
        ("by-slug", "'by-slug' is taken. 'by-slug-2' is free."),
    ],
)
def test_a_key_that_cannot_be_is_told_and_nothing_is_made(key, said):
    UsedKey.objects.get_or_create(key="gone")
    provision(key="by" + new_key(), slug="by-slug")
    taken = not UsedKey.objects.filter(key="taken").exists()
    if taken:
        provision(key="taken")
    before = Tenant.objects.count()
    shown = text_of(sign_up(visitor(), "ann", key=key)).replace("&#x27;", "'")
    assert said in shown
    assert Tenant.objects.count() == before
    assert not get_user_model().objects.exists()


def test_a_name_without_letters_needs_a_key():
    assert "Choose the address yourself" in text_of(
        sign_up(visitor(), "ann", name="東京")
    )


def test_password_and_name_are_checked_as_django_does(settings):
    settings.AUTH_PASSWORD_VALIDATORS = [
        {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"}
    ]
    given = {**form("ann", key=new_key()), "password1": "1234", "password2": "1234"}
    shown = text_of(visitor().post("/people/signup/", given))
    assert "entirely numeric" in shown
    get_user_model().objects.create_user("Ann")
    shown = text_of(sign_up(visitor(), "aNN", key=new_key()))
    assert "already exists" in shown
    assert not Tenant.objects.exists()


def test_the_record_is_one_transaction(settings):
    """Where the tenant cannot be recorded there is no account, and the reverse."""
    key = new_key()
    new = get_user_model()(username="ann")

    def fail(*_args, **_kwargs):
        raise ZeroDivisionError

    with replaced(signup, "members_of", fail), pytest.raises(ZeroDivisionError):
        signup.begin(new, Tenant(key=key))
    assert not get_user_model().objects.exists()
    assert not Tenant.objects.exists()
    assert not LifecycleRecord.objects.exists()
    assert not UsedKey.objects.filter(key=key).exists()


def test_two_visitors_who_take_one_key_at_once_one_wins():
    key, at_once = new_key(), Barrier(2)
    begin = signup.begin

    def together(*args, **kwargs):
        at_once.wait()
        return begin(*args, **kwargs)

    with replaced(signup, "begin", together):
        pages = in_threads(
            lambda: sign_up(visitor(), "ann", key=key),
            lambda: sign_up(visitor(), "bob", key=key),
        )
    assert sorted(page.status_code for page in pages) == [200, 302]
    (told,) = (page for page in pages if page.status_code == 200)
    assert "is taken" in text_of(told)
    assert get_user_model().objects.count() == Membership.objects.count() == 1


def test_a_form_that_is_sent_twice_makes_one_account_and_one_tenant():
    key, at_once = new_key(), Barrier(2)
    begin = signup.begin

    def together(*args, **kwargs):
        at_once.wait()
        return begin(*args, **kwargs)

    with replaced(signup, "begin", together):
        pages = in_threads(*[lambda: sign_up(visitor(), "ann", key=key)] * 2)
    assert sorted(page.status_code for page in pages) == [200, 302]
    assert get_user_model().objects.count() == Tenant.objects.count() == 1


def test_a_tenant_whose_making_failed_is_gone_and_its_owner_tries_again():
    key, client = new_key(), visitor()

    def fail(**_):
        raise ZeroDivisionError

    with receiving(tenant_provisioned, fail):
        response = sign_up(client, "ann", key=key)
        shown = end_of(client, response)
    assert "nothing of it is left" in text_of(shown)
    assert not Tenant.objects.exists()
    assert not Membership.objects.exists()
    again = client.get("/people/signup/")
    assert "password1" not in again.content.decode()
    response = client.post("/people/signup/", {"tenant_name": "A", "tenant_key": key})
    assert end_of(client, response).status_code == 302
    assert [m.tenant.key for m in memberships_of(user("ann"))] == [key]


class Held:
    """Keeps a tenant's making before its step `located`."""

    def __init__(self):
        self.go = Event()

    def __call__(self, *, step, done, **_):
        if (step, done) == ("located", False):
            self.go.wait()


@pytest.fixture
def slow(monkeypatch):
    """Provisioning takes until `go` is set, and nobody waits for it."""
    monkeypatch.setattr(waiting, "PATIENCE", 0)
    held, threads = Held(), []
    thread = waiting.Thread
    monkeypatch.setattr(
        waiting, "Thread", lambda **k: threads.append(thread(**k)) or threads[-1]
    )
    with receiving(lifecycle_step, held):
        held.threads = threads
        yield held
        held.go.set()
        for each in threads:
            each.join()


def test_a_visitor_waits_on_a_page_while_it_takes_long(slow):
    key, client = new_key(), visitor()
    response = sign_up(client, "ann", key=key, name="Ann's")
    page = end_of(client, response)
    assert page.status_code == 200
    assert "Ann&#x27;s is being made" in page.content.decode()
    assert page["Refresh"]
    assert Tenant.objects.get(key=key).state == "provisioning"
    slow.go.set()
    slow.threads[0].join()
    assert end_of(client, response).status_code == 302


def test_the_page_of_another_says_nothing(slow):
    sign_up(visitor(), "ann", key="ann" + new_key())
    for forged in ("x", signing.dumps(["1", "ann"]), signing.dumps(["1", "ann"])[:-1]):
        assert visitor().get(f"/people/signup/{forged}/").status_code == 404


def test_a_ticket_is_worthless_for_a_later_tenant_of_that_key():
    key = new_key()
    tenant = Tenant(key=key)
    signup.begin(get_user_model()(username="ann"), tenant)
    old = waiting.ticket(tenant)
    with override_tenant(None):
        from tenantry.lifecycle.provision import undo

        undo(tenant)
    later = provision(key=key)
    assert waiting.look(old) == (waiting.Progress.GONE, None)

    def by_key_alone(_pk, key):
        return Tenant.objects.get(key=key)

    with replaced(waiting, "_row", by_key_alone):  # the negative control
        assert waiting.look(old) == (waiting.Progress.READY, later)


def test_who_owns_a_tenant_is_led_to_it():
    key, client = new_key(), visitor()
    sign_up(client, "ann", key=key)
    for response in (
        client.get("/people/signup/"),
        client.post("/people/signup/", {"tenant_name": "Two"}),
    ):
        assert end_of(client, response).url.startswith(f"https://{key}.")
    assert Tenant.objects.count() == 1


def test_an_account_alone_is_made_where_the_settings_say_so(settings):
    signing_up_makes(settings, "account")
    client = visitor()
    assert "tenant_name" not in client.get("/people/signup/").content.decode()
    assert sign_up(client, "ann").status_code == 302
    assert client.session["_auth_user_id"] == str(user("ann").pk)
    assert not Tenant.objects.exists()
    assert "already exists" in text_of(sign_up(visitor(), "Ann"))
    assert client.get("/people/signup/").url == "/people/tenants/"
    assert client.post("/people/signup/", form("bob")).url == "/people/tenants/"
    assert get_user_model().objects.count() == 1


def test_what_the_user_model_requires_is_asked_for():
    given = {**form("ann", key=new_key()), "email": ""}
    assert "required" in text_of(visitor().post("/people/signup/", given))


@pytest.mark.parametrize("what", [None, "account", "tenant"])
def test_members_sign_up_at_the_shared_site_only(settings, what):
    tenant = provision()
    signing_up_makes(settings, what)
    client = visitor(f"{tenant.slug}.{SHARED}")
    assert client.get("/people/signup/").status_code == 404
    assert sign_up(client, "ann").status_code == 404
    expected = 404 if what is None else 200
    assert visitor().get("/people/signup/").status_code == expected


def test_a_tenant_is_provisioned_for_a_user_in_code():
    ann = get_user_model().objects.create_user("ann")
    key = new_key()
    tenant = Tenant.objects.provision(
        owner=ann, key=key, name="A", domains=[f"{key}.example.org"]
    )
    assert tenant.state == "active"
    assert tenant.domains.get().is_primary
    assert memberships_of(ann).get().is_owner
    with pytest.raises(KeyTaken):
        Tenant.objects.provision(owner=ann, key=key)
    with pytest.raises(ValidationError):
        Tenant.objects.provision(owner=ann, key="No Key")
    assert memberships_of(ann).count() == 1


@pytest.fixture(params=["account", "tenant"])
def address_first(request, settings, monkeypatch):
    """Who signs up shows first that the address is theirs."""
    signing_up_makes(settings, request.param)
    mails_are_kept(settings)
    monkeypatch.setattr(SignupView, "confirms_address", True)
    return request.param


def ask_for_a_link(email):
    """Give the address; return the page, and the link in the mail."""
    mail.outbox.clear()
    page = visitor().post("/people/signup/", {"email": email})
    (sent,) = mail.outbox
    assert sent.to == [email]
    (link,) = re.findall(r"http://example.com(\S+)", sent.body)
    return text_of(page).replace(email, "them"), link


def test_an_address_that_is_known_is_answered_like_any_other(address_first):
    get_user_model().objects.create_user("ann", "ann@example.net")
    known, to_known = ask_for_a_link("Ann@example.net")
    unknown, to_unknown = ask_for_a_link("bob@example.net")
    assert known == unknown
    assert "address=" not in to_known
    assert "address=" in to_unknown


def test_the_account_has_the_address_that_was_shown_to_be_theirs(address_first):
    _, link = ask_for_a_link("ann@example.net")
    client, given = visitor(), form("ann", key=new_key())
    assert "password1" in client.get(link).content.decode()
    given["email"] = "eve@example.net"
    assert client.post(link, given).status_code == 302
    assert user("ann").email == "ann@example.net"


@pytest.mark.parametrize("forged", ["", "x", signing.dumps("ann@example.net")])
def test_without_the_link_nobody_signs_up(address_first, forged):
    given = form("ann", key=new_key())
    page = visitor().post(f"/people/signup/?address={forged}", given)
    assert page.status_code == 200
    assert "password1" not in page.content.decode()
    assert not get_user_model().objects.exists()


def test_the_address_comes_first_where_it_names_accounts(monkeypatch):
    model = get_user_model()
    assert not confirming.name_accounts(model)
    with monkeypatch.context() as patch:
        patch.setitem(vars(model._meta.get_field("email")), "unique", True)
        assert confirming.name_accounts(model)
        page = visitor().get("/people/signup/").content.decode()
        assert "password1" not in page
    with monkeypatch.context() as patch:
        patch.setattr(model, "USERNAME_FIELD", "email")
        assert confirming.name_accounts(model)
    for unique in (
        UniqueConstraint(Lower("email"), name="one"),
        UniqueConstraint(fields=["email"], name="one"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(model._meta, "constraints", [unique])
            assert confirming.name_accounts(model)
    monkeypatch.setattr(
        model._meta,
        "constraints",
        [UniqueConstraint(fields=["email", "last_name"], name="one")],
    )
    assert not confirming.name_accounts(model)
