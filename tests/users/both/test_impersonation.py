"""Shared staff act as users that tenants have of their own."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from threading import Barrier

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import PermissionDenied
from django.db import connections
from django.db.models import QuerySet
from django.db.models.sql.subqueries import UpdateQuery
from django.test import Client, RequestFactory, override_settings
from django.utils import timezone

from tenantry import override_tenant
from tenantry.admin import TenantAdmin
from tenantry.catalog.acting import Acting, Impersonator, acting
from tenantry.catalog.people import Impersonation
from tenantry.exceptions import (
    ImpersonationRefused,
    TenantNotFound,
    TenantUnavailable,
)
from tenantry.lifecycle import state
from tenantry.users import impersonated_sessions, impersonation, middleware
from tenantry.users.counterparts import counterpart
from tests.clients import AnyHost
from tests.customers.models import Tenant
from tests.shop.models import Author, Book, Tag
from tests.users import desk as support
from tests.users.desk import PAGE, SHARED, acting_as, acts, host_of, row
from tests.world import ONE, replaced, run, without_seam

JOINED = ("insert", "delete")
END = "/people/impersonation/end/"
SHARED_URLS = "tests.users.urls_shared"
BACKEND = "django.contrib.auth.backends.ModelBackend"


def own_user(tenant):
    """Make a user of the tenant's own, of the same primary key in each."""
    with override_tenant(tenant):
        User.objects.create_user("boss", pk=ONE + 1, is_superuser=True, is_staff=True)
        return User.objects.create_user("ann", "ann@example.com", "pw", pk=ONE).pk


@pytest.fixture
def desk(database, django_db_blocker):
    with django_db_blocker.unblock(), support.desk(own_user) as made:
        yield made


def write(desk, client, way):
    """Let the page write, and return what is recorded of it."""
    before = len(acts())
    assert desk.get(client, f"/pages/write/?way={way}").status_code == 200
    return acts()[before:]


def end_of(client, tenant, **more):
    return client.post(END, headers={"host": host_of(tenant)}, **more)


# Beginning.


def test_staff_act_as_the_user_who_is_named(desk):
    answer = desk.get(desk.begin())
    assert acting_as(answer)
    assert answer.wsgi_request.user.pk == desk.targets[desk.a.key]
    assert answer.wsgi_request.impersonator.name == str(desk.staff)
    assert answer.wsgi_request.impersonator.pk == str(desk.staff.pk)


def test_nobody_acts_as_another_elsewhere(desk):
    answer = desk.get(Client())
    assert answer.wsgi_request.impersonator is None
    assert b"acts as" not in answer.content
    assert "Vary" not in answer.headers


def test_it_is_no_login_of_the_user(desk):
    seen = []
    user_logged_in.connect(lambda **named: seen.append(named), weak=False)
    receivers = user_logged_in.receivers[-1:]
    try:
        desk.begin()
    finally:
        user_logged_in.receivers.remove(*receivers)
    assert not seen
    with override_tenant(desk.a):
        assert User.objects.get(pk=ONE).last_login is None


def test_the_session_ends_when_the_impersonation_does(desk):
    client = desk.begin()
    session = desk.get(client).wsgi_request.session
    assert session.get_expiry_date() == row().expires_at


def test_the_session_from_before_is_gone(desk):
    client = Client()
    with override_tenant(desk.a):
        client.force_login(User.objects.get(pk=ONE + 1), BACKEND)
    before = desk.get(client).wsgi_request.session.session_key
    desk.follow(client, desk.start())
    request = desk.get(client).wsgi_request
    assert request.user.pk == ONE
    assert not request.session.exists(before)


@pytest.mark.parametrize("reason", ["", "  \n"])
def test_a_reason_is_needed(desk, reason):
    with pytest.raises(ImpersonationRefused, match="reason"):
        desk.start(reason=reason)


def test_the_beginning_is_recorded_with_its_reason(desk):
    desk.begin(desk.start(reason="ticket 7"))
    (entry,) = acts("started")
    assert (entry.actor, entry.target) == (str(desk.staff), "ann")
    assert entry.facts["reason"] == "ticket 7"
    assert entry.tenant_key == desk.a.key


def test_a_superuser_of_the_shared_site_may(desk):
    assert desk.start(who=desk.shared_user("root", is_superuser=True))


@pytest.mark.parametrize(
    "fields", [{}, {"is_staff": True}, {"may": True, "is_active": False}]
)
def test_who_may_not_is_refused(desk, fields):
    with pytest.raises(ImpersonationRefused, match="permission"):
        desk.start(who=desk.shared_user("other", **fields))


def test_a_tenants_own_superuser_is_refused(desk):
    with override_tenant(desk.a):
        boss = User.objects.get(pk=ONE + 1)
        assert boss.has_perm(impersonation.PERMISSION)
        with pytest.raises(ImpersonationRefused, match="shared site"):
            impersonation.start(boss, desk.a, ONE, reason="mine")


@pytest.mark.parametrize("pk", [ONE + 5, "nobody", None])
def test_a_user_who_is_not_there_is_refused(desk, pk):
    with pytest.raises(ImpersonationRefused, match="no user"):
        desk.start(pk=pk)


def test_the_user_is_the_one_of_the_tenant_that_is_named(desk):
    with override_tenant(desk.b):
        User.objects.filter(pk=ONE).update(username="another")
    desk.start(desk.b)
    assert row().user == "another"


def test_an_inactive_user_is_refused(desk):
    with override_tenant(desk.a):
        User.objects.filter(pk=ONE).update(is_active=False)
    with pytest.raises(ImpersonationRefused, match="not active"):
        desk.start()


def test_a_counterpart_is_refused(desk):
    root = desk.shared_user("root", is_superuser=True)
    with override_tenant(desk.a):
        local = counterpart(root, desk.a)
        User.objects.filter(pk=local.pk).update(is_active=True)  # past our guards
    with pytest.raises(ImpersonationRefused, match="shared user's own"):
        desk.start(pk=local.pk)
    with replaced(impersonation, "link_of", lambda _user: None):
        assert desk.start(pk=local.pk)


def test_a_tenant_that_is_not_served_is_refused(desk):
    with override_tenant(None):
        state.suspend(desk.a)
    with pytest.raises(TenantUnavailable):
        desk.start()


def test_a_tenant_that_is_not_there_is_refused(desk):
    with override_tenant(None), pytest.raises(TenantNotFound):
        impersonation.start(desk.staff, "nowhere", ONE, reason="a call")


# The token.


def test_a_token_is_good_once(desk):
    url = desk.start()
    desk.begin(url)
    assert desk.follow(Client(), url).status_code == 403


def test_without_the_claim_a_token_would_be_good_twice(desk):
    url = desk.start()
    desk.begin(url)
    with replaced(QuerySet, "update", lambda *_args, **_values: 1):
        assert desk.follow(Client(), url).status_code == 302


def test_of_many_who_use_a_token_at_once_one_wins(desk):
    url, many = desk.start(), 50
    ready = Barrier(many)

    def use(_number):
        ready.wait()
        try:
            return desk.follow(Client(), url).status_code
        finally:
            connections.close_all()

    with ThreadPoolExecutor(many) as pool:
        answers = list(pool.map(use, range(many)))
    assert sorted(answers) == [302, *[403] * (many - 1)]


def test_a_token_of_one_tenant_is_worth_nothing_at_another(desk):
    url = desk.start(desk.a)
    answer = desk.follow(Client(), url, host=host_of(desk.b))
    assert answer.status_code == 403
    assert desk.targets[desk.a.key] == desk.targets[desk.b.key]


def test_control_by_a_token_that_names_the_other_it_would_begin(desk):
    """A user of that primary key is there: what counts is the key of the tenant."""
    desk.start(desk.a)
    row = Impersonation.objects.latest("pk")
    Impersonation.objects.filter(pk=row.pk).update(tenant_key=desk.b.key)
    claims = {"id": row.pk, "tenant": desk.b.key, "user": row.user_pk}
    with override_tenant(None):
        token = impersonation.signer().sign_object(claims)
    url = f"/people/impersonation/begin/?token={token}"
    assert desk.follow(Client(), url, host=host_of(desk.b)).status_code == 302


def test_a_token_that_is_changed_or_missing_is_refused(desk):
    url = desk.start()
    for bad in (url[:-1] + ("A" if url[-1] != "A" else "B"), url.partition("?")[0]):
        assert desk.follow(Client(), bad).status_code == 403


def test_a_token_is_refused_when_it_is_old(desk):
    url = desk.start()
    with replaced(impersonated_sessions, "TOKEN_LIFETIME", timedelta(seconds=-1)):
        assert desk.follow(Client(), url).status_code == 403
    desk.begin(url)


def test_a_token_is_refused_when_its_maker_may_not_any_more(desk):
    url = desk.start()
    with override_tenant(None):
        User.objects.filter(pk=desk.staff.pk).update(is_active=False)
    assert desk.follow(Client(), url).status_code == 403


def test_the_token_does_not_travel_on(desk):
    answer = desk.follow(Client(), desk.start())
    assert answer["Referrer-Policy"] == "no-referrer"
    assert answer["Location"] == "/"


# No further than that.


def test_who_acts_as_another_cannot_begin_a_second(desk):
    client, second = desk.begin(), desk.start()
    assert desk.follow(client, second).status_code == 403
    request = desk.get(client).wsgi_request
    with override_tenant(None), pytest.raises(ImpersonationRefused, match="third"):
        impersonation.start(request, desk.a, ONE, reason="nested")


def test_the_session_is_worth_nothing_elsewhere(desk):
    client = desk.begin()
    cookie = client.cookies["sessionid"].value
    assert acting_as(desk.get(client))
    for host in (host_of(desk.b), SHARED):
        client.cookies["sessionid"] = cookie
        path = PAGE if host != SHARED else "/people/impersonate/"
        answer = client.get(path, headers={"host": host})
        assert b"acts as" not in answer.content
        assert not answer.wsgi_request.user.is_authenticated
    client.cookies["sessionid"] = cookie
    assert acting_as(desk.get(client))


@pytest.mark.parametrize("path", ["/pages/secret/", "/pages/closed/"])
def test_views_are_closed_by_name_and_by_decorator(desk, path):
    answer = desk.get(desk.begin(), path)
    assert answer.status_code == 403
    assert b"only ann may open this page" in answer.content
    assert b"acts as" in answer.content  # the banner, with the way out
    assert desk.get(Client(), path).status_code == 200


@pytest.mark.parametrize("pattern", ["acc*_secret", "*"])
def test_names_of_views_are_matched_as_patterns(desk, pattern):
    client = desk.begin()
    with override_settings(TENANTRY=with_blocked(pattern)):
        assert desk.get(client, "/pages/secret/").status_code == 403
        assert end_of(client, desk.a).status_code == 302  # never closed
    with override_settings(TENANTRY=with_blocked("other")):
        assert desk.get(desk.begin(), "/pages/secret/").status_code == 200


def with_blocked(pattern):
    from django.conf import settings

    return {**settings.TENANTRY, "IMPERSONATION_BLOCKED": [pattern]}


def test_the_users_own_password_and_address_stay_as_they_are(desk):
    answer = desk.get(desk.begin(), "/pages/email/")
    assert answer.status_code == 403
    with override_tenant(desk.a):
        assert User.objects.get(pk=ONE).email == "ann@example.com"


UPDATES = [
    lambda users, _: users.update(email="mine@example.com"),
    lambda users, _: users.update(password="mine"),
    lambda users, user: users.bulk_update([user], ["email"]),
]


@contextmanager
def acting_as_ann(desk):
    """Act as the user of `a`, without a request; give the user."""
    with override_tenant(desk.a):
        user = User.objects.get(pk=ONE)
        who = Acting(
            pk=1,
            tenant=desk.a.ref,
            user=user,
            impersonator=Impersonator(pk="1", name="staff"),
            expires_at=timezone.now(),
        )
        with acting(who):
            yield user


@pytest.mark.parametrize("update", UPDATES)
def test_no_update_changes_the_users_own_password_and_address(desk, update):
    with acting_as_ann(desk) as user:
        user.email = "mine@example.com"
        with pytest.raises(PermissionDenied, match="only the user may change"):
            update(User.objects.all(), user)
        assert User.objects.filter(pk=ONE, email="ann@example.com").exists()
        assert User.objects.exclude(pk=ONE).update(email="") == 1
        assert User.objects.filter(pk=ONE).update(first_name="Ann") == 1


def test_without_the_seam_an_update_changes_the_address(desk):
    with acting_as_ann(desk), without_seam(UpdateQuery, "add_update_values"):
        assert User.objects.filter(pk=ONE).update(email="mine@example.com") == 1


def test_the_user_changes_their_own_address(desk):
    client = Client()
    with override_tenant(desk.a):
        client.force_login(User.objects.get(pk=ONE), BACKEND)
    assert desk.get(client, "/pages/email/").status_code == 200


# It ends.


def is_over(desk, client):
    """Whether the session is no more, and the shared site is shown instead."""
    answer = desk.get(client)
    request = desk.get(client).wsgi_request
    return (
        answer.status_code == 302
        and answer["Location"] == f"https://{SHARED}/people/impersonate/"
        and not request.user.is_authenticated
    )


def expire(_desk):
    Impersonation.objects.update(expires_at=timezone.now())


def end_it(desk):
    assert impersonation.end(row().pk, by=desk.staff)


def deactivate(desk):
    User.objects.filter(pk=desk.staff.pk).update(is_active=False)


def withdraw(desk):
    desk.staff.user_permissions.clear()


def remove(desk):
    desk.staff.delete()


def deactivate_user(desk):
    with override_tenant(desk.a):
        User.objects.filter(pk=ONE).update(is_active=False)


ENDINGS = [expire, end_it, deactivate, withdraw, remove, deactivate_user]


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda each: each.__name__)
def test_it_is_over_at_once(desk, ending):
    client = desk.begin()
    assert acting_as(desk.get(client))
    with override_tenant(None):
        ending(desk)
    assert is_over(desk, client)


@pytest.mark.parametrize("ending", ENDINGS[:-1], ids=lambda each: each.__name__)
def test_without_the_question_it_would_go_on(desk, ending):
    client = desk.begin()
    kept = desk.get(client).wsgi_request
    found = impersonated_sessions.of_session
    with override_tenant(desk.a):
        still = found(kept)
    with override_tenant(None):
        ending(desk)
    with replaced(middleware, "of_session", lambda _request: still):
        assert acting_as(desk.get(client))


def test_the_button_of_the_banner_ends_it(desk):
    client = Client(enforce_csrf_checks=True)
    desk.follow(client, desk.start())
    page = desk.get(client).content.decode()
    token = page.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    assert f'action="{END}"' in page
    assert end_of(client, desk.a).status_code == 403
    assert row().ended_at is None
    answer = end_of(client, desk.a, data={"csrfmiddlewaretoken": token})
    assert answer["Location"] == f"https://{SHARED}/people/impersonate/"
    assert row().ended_at is not None
    assert not desk.get(client).wsgi_request.user.is_authenticated
    assert [each.target for each in acts("ended")] == ["ann"]


def test_a_link_does_not_end_it(desk):
    client = desk.begin()
    assert desk.get(client, END).status_code == 405
    assert acting_as(desk.get(client))


def test_who_logs_out_or_in_has_ended_it(desk):
    client = desk.begin()
    assert desk.get(client, "/pages/switch/").status_code == 200
    assert row().ended_at is not None
    assert not acting_as(desk.get(client))


def test_ending_it_twice_is_ending_it_once(desk):
    desk.begin()
    assert impersonation.end(row().pk)
    assert not impersonation.end(row().pk)
    assert not impersonation.end(-1)
    assert len(acts("ended")) == 1


# The banner.


def test_the_banner_is_on_pages_of_any_app(desk):
    with override_tenant(desk.a):
        User.objects.filter(pk=ONE).update(is_staff=True, is_superuser=True)
    answer = desk.get(desk.begin(), "/admin/")
    assert acting_as(answer)
    assert int(answer["Content-Length"]) == len(answer.content)


def test_the_banner_runs_no_script_and_names_are_text(desk):
    with override_tenant(desk.a):
        User.objects.filter(pk=ONE).update(username="<script>ann")
    page = desk.get(desk.begin()).content
    assert b"&lt;script&gt;ann" in page
    assert b"<script" not in page


def test_pages_are_kept_by_nobody(desk):
    assert "no-store" in desk.get(desk.begin())["Cache-Control"]


@pytest.mark.parametrize("path", ["/pages/raw/", "/pages/stream/"])
def test_what_is_no_page_or_streamed_is_left_alone(desk, path):
    answer = desk.get(desk.begin(), path)
    assert b"acts as" not in answer.getvalue()
    assert answer.status_code == 200


def test_a_browser_that_asks_for_less_gets_a_whole_page(desk):
    answer = desk.begin().get(
        PAGE,
        headers={
            "host": host_of(desk.a),
            "accept-encoding": "gzip",
            "if-none-match": "*",
        },
    )
    assert acting_as(answer)
    assert "Accept-Encoding" not in answer.wsgi_request.headers


# What is recorded.


def test_a_token_in_the_path_is_not_recorded(desk):
    desk.get(desk.begin(), "/people/accept/sesame/")
    assert [each.target for each in acts("request")] == ["GET /people/accept/<token>/"]


def test_each_request_is_recorded_without_what_was_asked(desk):
    client = desk.begin()
    desk.get(client, f"{PAGE}?with=secret")
    desk.get(client, "/nowhere/")
    assert [each.target for each in acts("request")] == [
        f"GET {PAGE}",
        "GET /nowhere/",
    ]
    first, second = acts("request")
    assert (first.facts["status"], second.facts["status"]) == (200, 404)
    assert "secret" not in str(first.facts)
    assert (first.actor, first.actor_pk) == ("ann", str(ONE))
    assert first.impersonator == str(desk.staff)
    assert first.tenant_key == desk.a.key


@pytest.mark.parametrize(
    ("way", "expected"),
    [
        ("save", [("insert", "shop.Tag 9")]),
        ("change", [("update", f"shop.Tag {ONE}")]),
        ("delete", [("delete", f"shop.Tag {ONE}")]),
        ("update", [("update", "shop.Tag")]),
        ("bulk", [("insert", "shop.Tag")]),
        ("join", [("insert", f"shop.Book_tags {ONE}-{ONE}")]),
        ("part", [(each, f"shop.Book_tags {ONE}-{ONE}") for each in JOINED]),
        ("sql", [("update", "shop.Tag")]),
        ("many", [("update", "shop.Tag")]),
        ("thread", [("update", "shop.Tag")]),
        ("read", []),
    ],
)
def test_each_change_is_recorded_once_whatever_way_it_goes(desk, way, expected):
    with override_tenant(desk.a):
        Tag.objects.create(pk=ONE, name="one")
        author = Author.objects.create(name="a")
        Book.objects.create(pk=ONE, title="b", author=author)
    found = write(desk, desk.begin(), way)
    assert [(each.facts["operation"], each.target) for each in found] == expected
    assert all(each.impersonator == str(desk.staff) for each in found)
    assert "secret" not in str([each.facts for each in found])


def test_changes_of_others_are_not_recorded(desk):
    desk.begin()
    before = len(acts())
    client = Client()
    for way in ("save", "update", "sql"):
        desk.get(client, f"/pages/write/?way={way}")
    assert acts()[before:] == []


def test_what_is_written_while_an_answer_is_sent_is_recorded(desk):
    client = desk.begin()
    before = len(acts())
    desk.get(client, "/pages/stream/").getvalue()
    assert [each.target for each in acts()[before:]] == ["shop.Tag"]


def test_a_view_that_fails_is_recorded(desk):
    client = desk.begin()
    client.raise_request_exception = False
    assert desk.get(client, "/pages/write/?way=fail").status_code == 500
    assert acts("request")[-1].facts["status"] == 500


def test_async_views_are_recorded_and_have_the_banner(desk):
    url = desk.start()

    async def visit():
        client = AnyHost()
        host = {"host": host_of(desk.a)}
        path, _, query = url.partition(host_of(desk.a))[2].partition("?")
        begun = await client.get(f"{path}?{query}", headers=host)
        page = await client.get("/pages/apage/", headers=host)
        with override_tenant(None):
            await Impersonation.objects.aupdate(ended_at=timezone.now())
        return begun, page, await client.get("/pages/apage/", headers=host)

    begun, page, after = run(visit())
    assert begun.status_code == 302
    assert acting_as(page)
    assert after.status_code == 302
    assert [each.target for each in acts()] == ["shop.Tag"]
    assert [each.target for each in acts("request")] == ["GET /pages/apage/"]


# The page of the shared site.


@pytest.fixture
def browser(desk):
    client = Client(headers={"host": SHARED})
    with override_tenant(None):
        client.force_login(desk.staff, BACKEND)
    return client


def ask(browser, desk, **given):
    form = {"tenant": desk.a.key, "user": "ann", "reason": "a call", **given}
    return browser.post("/people/impersonate/", form)


@pytest.mark.parametrize("user", ["ann", "ann@example.com", f"#{ONE}"])
def test_staff_begin_on_the_shared_site(desk, browser, user):
    answer = ask(browser, desk, user=user)
    assert answer.status_code == 302
    assert acting_as(desk.get(desk.begin(answer["Location"])))


@pytest.mark.parametrize(
    "given",
    [{"user": "nobody"}, {"user": "#7"}, {"tenant": "nowhere"}, {"reason": " "}],
)
def test_the_page_says_why_not(desk, browser, given):
    answer = ask(browser, desk, **given)
    assert answer.status_code == 200
    assert b"errorlist" in answer.content
    with override_tenant(None):
        assert not Impersonation.objects.exists()


def test_staff_see_what_is_running_and_end_it(desk, browser):
    client = desk.begin(desk.start(reason="<b>why"))
    page = browser.get("/people/impersonate/").content
    assert b"&lt;b&gt;why" in page
    answer = browser.post(f"/people/impersonate/{row().pk}/end/")
    assert answer.status_code == 302
    assert is_over(desk, client)
    assert b"Nobody acts as another" in browser.get("/people/impersonate/").content


def test_others_see_nothing_of_it(desk, browser):
    desk.begin()
    withdraw(desk)
    assert browser.get("/people/impersonate/").status_code == 403
    assert browser.post(f"/people/impersonate/{row().pk}/end/").status_code == 403
    stranger = Client(headers={"host": SHARED})
    assert stranger.get("/people/impersonate/").status_code == 302
    assert row().ended_at is None


def test_the_admin_shows_them_ends_them_and_changes_none(desk, browser):
    client = desk.begin(desk.start(reason="ticket 7"))
    with override_tenant(None):
        User.objects.filter(pk=desk.staff.pk).update(is_staff=True, is_superuser=True)
    place = "/admin/tenantry/impersonation/"
    assert b"ticket 7" in browser.get(place).content
    assert browser.get(f"{place}add/").status_code == 403
    assert b'name="_save"' not in browser.get(f"{place}{row().pk}/change/").content
    browser.post(
        place, {"action": "end_impersonations", "_selected_action": [row().pk]}
    )
    assert is_over(desk, client)
    assert [each.actor for each in acts("ended")] == [str(desk.staff)]


def test_the_admin_of_a_tenant_leads_to_acting_as_its_users(desk):
    request = RequestFactory().get("/", headers={"host": SHARED})
    request.user, request.tenant = desk.staff, None
    page = TenantAdmin(Tenant, admin.site)

    def shown():
        context = {}
        page.render_change_form(request, context, obj=desk.a)
        return context.get("impersonate_url")

    def nothing(*_args, **_context):
        return None

    with (
        override_tenant(None),
        override_settings(ROOT_URLCONF=SHARED_URLS),
        replaced(admin.ModelAdmin, "render_change_form", nothing),
    ):
        assert shown() == f"/people/impersonate/?tenant={desk.a.key}"
        request.user = desk.shared_user("other", is_staff=True)
        assert shown() is None
