"""The people of the demo's shops in a browser, in each arrangement, end to end."""

import re
import signal
import threading
from email import message_from_string
from queue import Empty, Queue
from urllib.parse import urlsplit

import pytest

from tenantry.demo.customers.names import names
from tests.demo.running import PATIENCE_SECONDS, wait_until_served

pytestmark = pytest.mark.chromium
MILLISECONDS = 15_000
ACME, OTHER = (name.key for name in names(2))
LINK = re.compile(r"http://\S+/accept/\S+/")
SECRET = "Correct-Horse-9"


class Served:
    """The demo at work; what it prints is read while it is."""

    def __init__(self, process, port):
        self.process = process
        self.port = port
        self.lines = Queue()
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.put(line)

    def link(self, address):
        """Return the link of the next mail to the address."""
        lines = []
        while True:
            try:
                line = self.lines.get(timeout=PATIENCE_SECONDS)
            except Empty:
                pytest.fail(f"no mail to {address}")
            if not line.startswith("-" * 79):
                lines.append(line)
                continue
            text = "".join(lines)
            mail = message_from_string(text[text.index("Content-Type") :])
            if mail["To"] == address:
                return LINK.search(mail.get_payload(decode=True).decode())[0]
            lines = []

    def end(self):
        self.process.send_signal(signal.SIGINT)
        errors = self.process.stderr.read()
        self.process.wait(timeout=PATIENCE_SECONDS)
        self.reader.join()
        self.process.stdout.close()
        self.process.stderr.close()
        assert self.process.returncode == 0, errors


@pytest.fixture
def start(place, port):
    """Return what serves the demo in an arrangement."""
    running = []

    def serve(users):
        process = place.start("--tenants", 2, "--users", users, "--port", port)
        wait_until_served(process, port)
        running.append(Served(process, port))
        return running[0]

    yield serve
    for each in running:
        each.end()


class Person:
    """Somebody with a browser of their own."""

    def __init__(self, browser, served):
        self.served = served
        self.page = browser.new_context().new_page()
        self.page.set_default_timeout(MILLISECONDS)

    def open(self, place="", path="/"):
        host = f"{place}.localhost" if place else "localhost"
        return self.page.goto(f"http://{host}:{self.served.port}{path}")

    def fill(self, button, **fields):
        """Fill in a form and press its button."""
        for name, value in fields.items():
            self.page.fill(f"[name={name}]", value)
        self.page.click(f"main button:text-is('{button}')")
        return self

    def sign_in(self, name, place="", password="demo"):  # noqa: S107  (the demo's)
        self.open(place, "/people/login/")
        return self.fill("Log in", username=name, password=password)

    def sign_up(self, place="", **fields):
        self.open(place, "/people/signup/")
        return self.fill("Sign up", password1=SECRET, password2=SECRET, **fields)

    def sign_out(self, place=""):
        if place:
            self.open(place)
            self.page.click("header button:text-is('Sign out')")
        else:
            self.open("", "/people/tenants/")
            self.page.click("button:text-is('Log out')")
        return self.page.inner_text("main h1")

    def is_inside(self, place):
        """Whether the shop knows them: only then it shows its people."""
        self.open(place, "/")
        return self.page.locator("header a:text-is('People')").count() == 1

    def people(self, place):
        """Return the names that the page of people shows."""
        self.open(place, "/people/members/")
        found = self.page.locator("main tbody tr td:first-child").all_inner_texts()
        return [text.removesuffix(" (you)") for text in found]

    def invite(self, place, email, *roles):
        """Invite somebody; return the link in their mail."""
        self.open(place, "/people/invitations/")
        for role in roles:
            self.page.check(f"input[value={role}]")
        self.fill("Invite", email=email)
        return self.served.link(email)

    def accept(self, link, **fields):
        self.page.goto(link)
        return self.fill("Accept", **fields)

    def remove(self, place, name):
        self.open(place, "/people/members/")
        row = self.page.locator("main tbody tr", has_text=name)
        row.get_by_role("link", name="Change").click()
        self.page.click("button:text-is('Remove')")

    def switch(self, name):
        """Go to a shop by the list of one's own on the shared site."""
        self.open("", "/people/tenants/")
        self.page.click(f"main a:text-is('{name}')")
        return urlsplit(self.page.url).hostname

    def act_as(self, user, place):
        self.open("", "/people/impersonate/")
        self.fill("Begin", tenant=place, user=user, reason="TICKET-42")
        return self.banner()

    def banner(self):
        found = self.page.locator("form[role=status]")
        return found.inner_text() if found.count() else ""

    def end_acting(self):
        self.page.click("form[role=status] button")
        return urlsplit(self.page.url).hostname


def sign_of(key):
    return next(each.name for each in names(2) if each.key == key)


def support(staff, user, place):
    """Staff act as a user of a shop, on the record, until they end it."""
    staff.sign_in("staff")
    assert "staff acts as" in staff.act_as(user, place)
    staff.open(place, "/people/members/")
    assert "staff acts as" in staff.banner()
    assert staff.open(place, "/people/password/").status == 403
    assert staff.end_acting() == "localhost"
    assert not staff.is_inside(place)
    staff.open("", "/admin/tenantry/auditentry/?action=impersonation.request")
    assert "staff" in staff.page.inner_text("#result_list")


def test_each_shops_own_people(start, browser):
    served = start("confined")
    ann = Person(browser, served).sign_up(ACME, username="ann", email="ann@x.org")
    assert ann.is_inside(ACME)

    owner = Person(browser, served).sign_in(ACME, ACME)
    bea = Person(browser, served)
    bea.accept(
        owner.invite(ACME, "bea@x.org", "admin"),
        new_password1=SECRET,
        new_password2=SECRET,
    )
    assert {ACME, "bea@x.org"} <= set(bea.people(ACME))

    # The other shop knows neither: a shop's people are nobody next door.
    assert not bea.is_inside(OTHER)
    for name in ("ann", "bea@x.org"):
        stranger = Person(browser, served).sign_in(name, OTHER, SECRET)
        assert not stranger.is_inside(OTHER)

    # One address in two shops is two people, who may share a browser.
    ann.sign_up(OTHER, username="ann", email="ann@x.org")
    assert ann.is_inside(OTHER)
    assert ann.is_inside(ACME)

    owner.remove(ACME, "bea@x.org")
    assert not bea.is_inside(ACME)
    assert not bea.sign_in("bea@x.org", ACME, SECRET).is_inside(ACME)

    assert ann.sign_out(ACME) == "You are logged out"
    assert not ann.is_inside(ACME)


def test_shared_users_who_are_members(start, browser):
    served = start("members")
    ann = Person(browser, served).sign_up(username="ann", email="ann@x.org")
    assert not ann.is_inside(ACME)

    owners = {key: Person(browser, served).sign_in(key, key) for key in (ACME, OTHER)}
    for key, owner in owners.items():
        ann.accept(owner.invite(key, "ann@x.org", "admin"), password=SECRET)
        assert "ann" in ann.people(key)
    bea = Person(browser, served)
    bea.accept(
        owners[ACME].invite(ACME, "bea@x.org"),
        new_password1=SECRET,
        new_password2=SECRET,
    )
    assert bea.is_inside(ACME)
    assert not bea.is_inside(OTHER)

    # From shop to shop by the list on the shared site, in another browser.
    ann = Person(browser, served).sign_in("ann", "", SECRET)
    for key in (OTHER, ACME):
        assert ann.switch(sign_of(key)) == f"{key}.localhost"
        assert ann.is_inside(key)
        assert ann.open(key, "/admin/").status == 200
    assert "admin/login" not in ann.page.url

    owners[ACME].remove(ACME, "ann")
    assert not ann.is_inside(ACME)
    assert ann.is_inside(OTHER)

    support(Person(browser, served), "bea@x.org", ACME)

    assert ann.sign_out(OTHER) == "You are logged out"
    assert not ann.is_inside(OTHER)
    bea.open(ACME, "/people/members/")
    bea.page.click("button:text-is('Log out everywhere')")
    assert not bea.is_inside(ACME)


def test_a_shop_for_each_who_signs_up(start, browser):
    served = start("own")
    cid = Person(browser, served).sign_up(
        username="cid",
        email="cid@x.org",
        tenant_name="Cid Kites",
        tenant_key="cid-kites",
    )
    cid.page.wait_for_url("http://cid-kites.localhost:*/**")
    assert cid.people("cid-kites") == ["cid"]
    assert cid.open("cid-kites", "/admin/").status == 200

    bea = Person(browser, served)
    bea.accept(
        cid.invite("cid-kites", "bea@x.org"),
        new_password1=SECRET,
        new_password2=SECRET,
    )
    assert bea.is_inside("cid-kites")
    owner = Person(browser, served).sign_in(ACME, ACME)
    cid.accept(owner.invite(ACME, "cid@x.org"), password=SECRET)
    assert cid.switch(sign_of(ACME)) == f"{ACME}.localhost"
    assert cid.switch("Cid Kites") == "cid-kites.localhost"

    support(Person(browser, served), "bea@x.org", "cid-kites")

    cid.remove("cid-kites", "bea@x.org")
    assert not bea.is_inside("cid-kites")

    # The account goes, and its shop with it: after a while in which it can be kept.
    cid.open("", "/people/account/delete/")
    cid.fill("Delete my account", password=SECRET)
    assert cid.open("cid-kites").status == 403
    cid.open("", "/people/account/delete/")
    cid.fill("Keep my account")
    assert cid.is_inside("cid-kites")
    assert cid.sign_out() == "You are logged out"


def test_shared_staff_and_each_shops_own_people(start, browser):
    served = start("both")
    ann = Person(browser, served).sign_up(ACME, username="ann", email="ann@x.org")
    assert ann.is_inside(ACME)
    owner = Person(browser, served).sign_in(ACME, ACME)
    bea = Person(browser, served)
    bea.accept(
        owner.invite(ACME, "bea@x.org"), new_password1=SECRET, new_password2=SECRET
    )
    assert bea.is_inside(ACME)
    assert not bea.is_inside(OTHER)

    # Staff come in by the shared site, into any shop; a shop's people do not.
    staff = Person(browser, served).sign_in("staff")
    for key in (ACME, OTHER):
        staff.open(key, "/people/login/")
        staff.page.click("a:text-is('Sign in by the shared site')")
        assert urlsplit(staff.page.url).hostname == f"{key}.localhost"
        assert staff.is_inside(key)
    assert not Person(browser, served).sign_in("ann", "", SECRET).is_inside(ACME)

    support(Person(browser, served), "bea@x.org", ACME)

    owner.remove(ACME, "bea@x.org")
    assert not bea.is_inside(ACME)
    assert staff.sign_out(OTHER) == "You are logged out"
    assert not staff.is_inside(OTHER)
    assert ann.sign_out(ACME) == "You are logged out"
