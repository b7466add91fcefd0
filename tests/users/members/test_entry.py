"""One login on the shared site; entering tenants by it, and nobody else's browser."""

import re
from unittest import mock
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.conf import settings
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.test import override_settings
from django.utils import timezone

from tenantry import override_tenant
from tenantry.models import AuditEntry, State
from tenantry.scopes import handover
from tenantry.users import entry
from tenantry.users.models import Membership
from tests.projects import PROVE
from tests.users.browser import SHARED, Browser, at, log_in
from tests.world import in_threads, new_key, replaced

AT_ONCE = 50 if PROVE else 8
ENTER = "/people/enter/"


@pytest.fixture
def member(tenants, user):
    """The shared user is a member of the first tenant."""
    Membership.objects.create(tenant=tenants[0], user=user)
    return user


@pytest.fixture
def browser():
    return Browser()


def at_shared_site(browser, name="ann"):
    """Log the browser in on the shared site."""
    answer = log_in(browser, None, name, "pw")
    assert answer.status_code == 200
    return browser


def asked(browser, tenant, path=ENTER):
    """Begin in the tenant; return the URL of the shared site that is asked."""
    return browser.ask("get", at(tenant, path))["Location"]


def handed_over(browser, question):
    """Return the URL with the token, which the shared site answers with."""
    answer = browser.ask("get", question)
    assert answer.status_code == 302, answer
    return answer["Location"]


# One login


def test_who_is_logged_in_on_the_shared_site_enters_without_a_password(
    member, tenants, browser
):
    at_shared_site(browser)
    answer = browser.get(at(tenants[0], f"{ENTER}?next=/whoami/"))
    assert answer.content == b"ann"
    assert browser.name(tenants[0]) == "ann"
    assert browser.name(tenants[1]) == "nobody"


def test_who_is_not_logs_in_there_and_comes_back(member, tenants, browser):
    page = browser.get(at(tenants[0], f"{ENTER}?next=/whoami/"))
    assert page.status_code == 200
    assert browser.visited[-1].startswith(f"{SHARED}/people/login/?next=")
    answer = browser.post(browser.visited[-1], username="ann", password="pw")
    assert answer.content == b"ann"
    assert browser.visited[-1] == at(tenants[0], "/whoami/")


def test_a_member_logs_in_at_the_tenant_itself(member, tenants, browser):
    log_in(browser, tenants[0], "ann", "pw", next="/whoami/")
    assert browser.name(tenants[0]) == "ann"
    assert "Sign in by the shared site" in page_of(browser, tenants[0])


def page_of(browser, place):
    return browser.get(at(place, "/people/login/")).content.decode()


def test_without_encryption_it_works_with_a_plain_cookie(member, tenants, browser):
    at_shared_site(browser)
    url = at(tenants[0], ENTER).replace("https:", "http:")
    assert browser.get(f"{url}?next=/whoami/").content == b"ann"
    answer = browser.ask("get", url)
    assert answer.cookies[entry.COOKIE]["httponly"]
    assert not answer.cookies[entry.COOKIE]["secure"]


def test_the_way_in_is_open_where_every_view_needs_a_login(member, tenants, browser):
    middleware = [
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.LoginRequiredMiddleware",
    ]
    with override_settings(MIDDLEWARE=middleware):
        browser.get(at(tenants[0], f"{ENTER}?next=/whoami/"))
        answer = browser.post(browser.visited[-1], username="ann", password="pw")
        assert answer.content == b"ann"


def test_the_tenants_of_a_user_are_listed_the_last_entered_first(
    member, tenants, browser
):
    Membership.objects.create(tenant=tenants[1], user=member)
    at_shared_site(browser)
    for first, second in (tenants, tenants[::-1]):
        Membership.objects.update(last_entered_at=None)
        browser.get(at(first, ENTER))
        page = browser.get(f"{SHARED}/people/tenants/").content.decode()
        links = [page.index(at(each, ENTER)) for each in (first, second)]
        assert links == sorted(links)


def test_after_login_on_the_shared_site_come_ones_tenants(member, browser):
    at_shared_site(browser)
    assert browser.visited[-1] == f"{SHARED}/people/tenants/"


def test_tenants_of_others_suspended_ones_and_memberships_are_not_listed(
    member, tenants, browser
):
    at_shared_site(browser)
    page = f"{SHARED}/people/tenants/"
    assert at(tenants[1], ENTER) not in browser.get(page).content.decode()
    assert at(tenants[0], ENTER) in browser.get(page).content.decode()
    Membership.objects.update(state="suspended")
    assert at(tenants[0], ENTER) not in browser.get(page).content.decode()
    Membership.objects.update(state="active")
    type(tenants[0]).objects.filter(pk=tenants[0].pk).update(state=State.SUSPENDED)
    assert at(tenants[0], ENTER) not in browser.get(page).content.decode()


def test_the_tenant_is_remembered_and_written_seldom(member, tenants, browser):
    at_shared_site(browser)
    browser.get(at(tenants[0], ENTER))
    first = Membership.objects.get().last_entered_at
    assert first is not None
    browser.get(at(tenants[0], ENTER))
    assert Membership.objects.get().last_entered_at == first
    long_ago = timezone.now() - 2 * entry.REMEMBERED_EVERY
    Membership.objects.update(last_entered_at=long_ago)
    browser.get(at(tenants[0], ENTER))
    assert Membership.objects.get().last_entered_at > first


def test_signing_in_and_out_is_written_down(member, tenants, browser):
    last = AuditEntry.objects.order_by("pk").last()
    at_shared_site(browser)
    browser.get(at(tenants[0], ENTER))
    browser.post(at(tenants[0], "/people/logout/"))
    browser.post(f"{SHARED}/people/logout/everywhere/")
    found = AuditEntry.objects.filter(
        action__startswith="user.signed", pk__gt=last.pk
    ).order_by("pk")
    key = tenants[0].key
    assert [each.facts for each in found] == [{}, {}, {}, {"everywhere": True}, {}]
    assert list(found.values_list("action", "tenant_key", "actor")) == [
        ("user.signed_in", "", "ann"),
        ("user.signed_in", key, "ann"),
        ("user.signed_out", key, "ann"),
        ("user.signed_out", "", "ann"),
        ("user.signed_out", "", "ann"),
    ]


# Another's browser


def test_a_link_made_for_one_browser_logs_in_no_other(member, tenants, browser):
    """An attacker sends a link of their own, to have a stranger in their account."""
    attacker, victim = at_shared_site(Browser()), Browser()
    url = handed_over(attacker, asked(attacker, tenants[0]))
    assert victim.get(url).status_code == 403
    assert victim.name(tenants[0]) == "nobody"


def test_control_without_the_state_the_victim_is_in_the_attackers_account(
    member, tenants
):
    attacker, victim = at_shared_site(Browser()), Browser()
    question = asked(attacker, tenants[0])
    with replaced(handover, "constant_time_compare", lambda *_: True):
        victim.get(handed_over(attacker, question))
    assert victim.name(tenants[0]) == "ann"


def test_nor_where_the_victim_had_begun_as_well(member, tenants):
    attacker, victim = at_shared_site(Browser()), Browser()
    asked(victim, tenants[0])
    url = handed_over(attacker, asked(attacker, tenants[0]))
    assert victim.get(url).status_code == 403
    assert victim.name(tenants[0]) == "nobody"


def test_a_question_asked_by_another_gives_them_nothing(member, tenants):
    """An attacker lets a victim answer, and learns the token: it is used up by then."""
    attacker, victim = Browser(), at_shared_site(Browser())
    url = handed_over(victim, asked(attacker, tenants[0]))
    assert victim.get(url).status_code == 403
    assert attacker.get(url).status_code == 403
    assert attacker.name(tenants[0]) == "nobody"


def test_control_a_token_that_was_not_used_up_would_do(member, tenants):
    attacker, victim = Browser(), at_shared_site(Browser())
    url = handed_over(victim, asked(attacker, tenants[0]))
    attacker.get(url)
    assert attacker.name(tenants[0]) == "ann"


def test_a_link_of_a_program_that_is_bound_to_no_browser_is_refused(member, tenants):
    url = handover.hand_over(member, tenants[0])
    assert Browser().get(url).status_code == 403


def test_the_secret_is_kept_from_scripts_other_hosts_and_plain_connections(
    member, tenants, browser
):
    answer = browser.ask("get", at(tenants[0], ENTER))
    cookie = answer.cookies[entry.HOST_COOKIE]
    assert (cookie["httponly"], cookie["secure"]) == (True, True)
    assert (cookie["samesite"], cookie["path"], cookie["domain"]) == ("Lax", "/", "")
    assert cookie.value not in answer["Location"]
    assert answer["Referrer-Policy"] == "no-referrer"
    assert "no-store" in answer["Cache-Control"]


def test_the_secret_is_of_use_once(member, tenants, browser):
    at_shared_site(browser)
    question = asked(browser, tenants[0])
    browser.get(handed_over(browser, question))
    assert not browser.client(tenants[0].url()).cookies[entry.HOST_COOKIE].value
    assert browser.get(handed_over(browser, question)).status_code == 403


# The token


def token_of(url):
    return parse_qs(urlsplit(url).query)["token"][0]


def test_a_token_is_for_its_tenant_its_host_and_one_use(member, tenants, browser):
    Membership.objects.create(tenant=tenants[1], user=member)
    at_shared_site(browser)
    for each in tenants:
        asked(browser, each)
    url = handed_over(browser, asked(browser, tenants[0]))
    elsewhere = at(tenants[1], f"/people/receive/?token={token_of(url)}")
    assert browser.get(elsewhere).status_code == 403
    assert browser.name(tenants[1]) == "nobody"
    browser.get(url)
    assert browser.name(tenants[0]) == "ann"
    assert browser.get(url).status_code == 403


def test_a_token_is_of_no_use_at_another_host_of_the_tenant(member, tenants, browser):
    tenants[0].domains.create(host=f"{new_key()}.example.org")
    other = f"https://{tenants[0].domains.get(is_primary=False).host}"
    at_shared_site(browser)
    url = handed_over(browser, asked(browser, tenants[0]))
    # With the secret, even so.
    cookies = browser.client(url).cookies
    browser.client(other).cookies = cookies
    path = f"{other}/people/receive/?token={token_of(url)}"
    assert browser.get(path).status_code == 403


def test_it_comes_back_to_the_host_where_it_began(member, tenants, browser):
    tenants[0].domains.create(host=f"{new_key()}.example.org")
    other = f"https://{tenants[0].domains.get(is_primary=False).host}"
    at_shared_site(browser)
    assert browser.get(f"{other}{ENTER}?next=/whoami/").content == b"ann"
    assert browser.visited[-1] == f"{other}/whoami/"


def test_of_many_who_use_one_token_at_once_one_wins(member, tenants, browser):
    at_shared_site(browser)
    url = handed_over(browser, asked(browser, tenants[0]))
    cookies = browser.client(url).cookies
    thieves = [Browser() for _ in range(AT_ONCE)]
    for each in thieves:
        each.client(url).cookies = cookies.copy()
    uses = [lambda each=each: each.ask("get", url).status_code for each in thieves]
    assert sorted(in_threads(*uses)) == [302] + [403] * (AT_ONCE - 1)


def test_control_without_the_record_many_win(member, tenants, browser):
    at_shared_site(browser)
    url = handed_over(browser, asked(browser, tenants[0]))
    cookies = browser.client(url).cookies
    with replaced(handover, "use_once", lambda *_args, **_kwargs: True):
        for _ in range(2):
            each = Browser()
            each.client(url).cookies = cookies.copy()
            assert each.ask("get", url).status_code == 302


def test_a_session_from_before_the_login_is_not_that_of_after(member, tenants, browser):
    at_shared_site(browser)
    client = browser.client(tenants[0].url())
    with override_tenant(tenants[0]):
        session = client.session
        session["planted"] = "by somebody"
        session.save()
    planted = session.session_key
    client.cookies["sessionid"] = planted
    browser.get(at(tenants[0], ENTER))
    assert browser.name(tenants[0]) == "ann"
    assert client.cookies["sessionid"].value != planted


def test_a_question_that_was_tampered_with_or_is_old_is_of_no_tenant(
    member, tenants, browser
):
    at_shared_site(browser)
    question = asked(browser, tenants[0])
    state = parse_qs(urlsplit(question).query)["state"][0]
    url = f"{SHARED}/people/authorize/"
    for wrong in ("", "x", state[:-1], f"x{state}", "é:é:é"):
        answer = browser.get(f"{url}?{urlencode({'state': wrong})}")
        assert answer.status_code == 404, wrong
    later = timezone.now() + 2 * entry.WAIT
    with mock.patch("django.core.signing.time.time", later.timestamp):
        assert entry.read(state) is None
    assert browser.ask("get", question).status_code == 302


# Who is told what


def answers(browser, question):
    """Return what a browser can tell from an answer."""
    answer = browser.ask("get", question)
    return answer.status_code, answer.content, answer.get("Location")


def question_for(key, host="https://nobody.example.org"):
    """Return a question about a tenant that there may not be."""
    with override_tenant(None):
        told = entry.signing.dumps(
            {"tenant": key, "at": f"{host}/", "state": "x", "next": "/"},
            salt=entry.SALT,
        )
    return f"{SHARED}/people/authorize/?{urlencode({'state': told})}"


def test_of_a_tenant_that_one_may_not_enter_nothing_is_told(member, tenants, browser):
    at_shared_site(browser)
    unknown = answers(browser, question_for("nobody"))
    assert unknown[0] == 404
    # Not a member, suspended there, suspended as a whole, not asked at all.
    assert answers(browser, asked(browser, tenants[1])) == unknown
    question = asked(browser, tenants[0])
    Membership.objects.update(state="suspended")
    assert answers(browser, question) == unknown
    Membership.objects.update(state="active")
    type(tenants[0]).objects.filter(pk=tenants[0].pk).update(state=State.SUSPENDED)
    tenants[0].remember()
    assert answers(browser, question) == unknown
    assert answers(browser, f"{SHARED}/people/authorize/") == unknown


def test_control_a_member_is_handed_over(member, tenants, browser):
    at_shared_site(browser)
    assert answers(browser, asked(browser, tenants[0]))[0] == 302


def test_who_is_not_logged_in_is_told_nothing_either(member, tenants, browser):
    for question in (question_for("nobody"), asked(browser, tenants[1])):
        status, content, location = answers(browser, question)
        assert (status, content) == (302, b"")
        assert location.startswith("/people/login/?next=/people/authorize/")


def refused(place, name, password):
    """Return what is answered to a login, and how often a password was hashed."""
    with mock.patch.object(
        MD5PasswordHasher, "encode", autospec=True, side_effect=ENCODE
    ) as hashed:
        answer = log_in(Browser(), place, name, password)
    typed = re.compile(rf'value="(\w{{64}}|{name})"')
    return answer.status_code, typed.sub("", answer.content.decode()), hashed.call_count


ENCODE = MD5PasswordHasher.encode


def test_a_login_does_not_tell_who_has_an_account_or_is_a_member(member, tenants):
    User.objects.create_user("stranger", password="pw")
    try:
        a = tenants[0]
        found = [
            refused(a, *each)
            for each in (
                ("ann", "wrong"),  # a member
                ("stranger", "pw"),  # the right password, and not a member
                ("stranger", "wrong"),
                ("nobody", "pw"),
            )
        ]
    finally:
        User.objects.filter(username="stranger").delete()
    assert found[0][0] == 200
    assert "Please enter a correct username" in found[0][1]
    assert found[0][2] == 1
    assert found == [found[0]] * 4


def test_control_a_member_with_the_right_password_is_let_in(member, tenants, browser):
    log_in(browser, tenants[0], "ann", "pw", next="/whoami/")
    assert browser.name(tenants[0]) == "ann"
