"""Who may sign in to a tenant: its members; nobody can tell them from anybody else."""

import re
import sys
from unittest import mock

import pytest
from django.contrib import auth
from django.contrib.auth import aauthenticate, authenticate, backends
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import AnonymousUser, User
from django.test import Client, RequestFactory
from django.views.debug import ExceptionReporter

from tenantry import override_tenant
from tenantry.users import lookup, sign_in_seams
from tests.clients import AnyHost
from tests.users.members.standing import fetched, join, leave, new_user, queries
from tests.world import replaced, run, without_seam

MODEL = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture(autouse=True)
def urls(settings):
    settings.ROOT_URLCONF = settings.TENANTRY["SHARED_URLCONF"]
    settings.TENANTRY = {
        **settings.TENANTRY,
        "SHARED_URLCONF": "tests.users.members.urls",
        "KINDS": {},
    }
    settings.ROOT_URLCONF = "tests.users.members.urls"


def host(tenant):
    return f"{tenant.key}.example.org" if tenant else "example.com"


def sign_in(tenant, user, password="pw"):  # noqa: S107
    """Return the client and its answer."""
    name = user if isinstance(user, str) else user.get_username()
    client = Client(headers={"host": host(tenant)})
    data = {"username": name, "password": password}
    return client, client.post("/login/", data)


def says(client, path="/whoami/"):
    return client.get(path).content.decode()


def test_a_member_signs_in(both):
    user = new_user()
    join(user, both[0], "admin")
    client, answer = sign_in(both[0], user)
    assert answer.status_code == 302
    assert says(client) == f"{user} True"
    assert says(client, "/awhoami/") == f"{user} True True True"


def test_with_no_tenant_active_the_account_is_enough(both):
    user = new_user()
    client, answer = sign_in(None, user)
    assert answer.status_code == 302
    assert says(client) == f"{user} False"


# Who cannot, and that it does not show.


def nobodies(tenants):
    """Return those who cannot sign in to the first tenant, with what they give."""
    a, b = tenants
    elsewhere, suspended, blocked, member = (
        new_user(),
        new_user(),
        new_user(is_active=False),
        new_user(),
    )
    join(elsewhere, b, "admin")
    join(suspended, a, "admin", state="suspended")
    for user in (blocked, member):
        join(user, a, "admin")
    return {
        "wrong password": (member.username, "no"),
        "no such user": ("nobody-of-that-name", "pw"),
        "member elsewhere": (elsewhere.username, "pw"),
        "member elsewhere, wrong password": (elsewhere.username, "no"),
        "suspended": (suspended.username, "pw"),
        "blocked": (blocked.username, "pw"),
    }


def work(attempt):
    """Return what an attempt made the server do: hashes, statements by their table."""
    made = []

    def encode(self, *args, **kwargs):
        made.append("hash")
        return original(self, *args, **kwargs)

    original = MD5PasswordHasher.encode
    with replaced(MD5PasswordHasher, "encode", encode), queries() as sent:
        result = attempt()
    made += [re.search(r'(?:FROM|UPDATE|INTO) "?(\w+)', sql)[1] for sql in sent]
    return result, made


EXPECTED = ["hash", "auth_user", "tenantry_users_membership"]
AUDIT = ["tenantry_auditentry"]  # that it failed, whoever it was


def test_the_answer_is_one_and_the_same(both):
    shown = {}
    for who, (name, password) in nobodies(both).items():
        client, answer = sign_in(both[0], name, password)
        text = answer.content.decode().replace(name, "NAME")
        headers = {n: v for n, v in answer.headers.items() if n != "Content-Length"}
        shown[who] = (answer.status_code, text, headers, says(client))
    assert "correct username and password" in shown["no such user"][1]
    assert all(each == shown["wrong password"] for each in shown.values()), shown


def test_the_work_is_one_and_the_same(both):
    for who, (name, password) in nobodies(both).items():
        with override_tenant(both[0]):
            user, made = work(lambda: authenticate(username=name, password=password))  # noqa: B023
            assert (user, made) == (None, EXPECTED + AUDIT), who
            user, made = work(
                lambda: run(aauthenticate(username=name, password=password))  # noqa: B023
            )
        assert user is None, who
        assert made[0] == "hash", who
        assert made.count("hash") == 1, who


@pytest.mark.parametrize(
    ("seam", "who"),
    [
        ((backends.ModelBackend, "authenticate"), "no such user"),
        ((auth.base_user.AbstractBaseUser, "check_password"), "wrong password"),
    ],
)
def test_without_the_seams_the_work_would_tell(both, seam, who):
    name, password = nobodies(both)[who]
    with override_tenant(both[0]), without_seam(*seam):
        if who == "wrong password":
            with without_seam(backends.ModelBackend, "authenticate"):
                _, made = work(lambda: authenticate(username=name, password=password))
        else:
            _, made = work(lambda: authenticate(username=name, password=password))
    assert made == EXPECTED[:2] + AUDIT


def test_with_no_tenant_active_no_membership_is_asked_for(both):
    user = new_user()
    with queries() as made:
        assert authenticate(username=user.username, password="pw") == user
        assert authenticate(username="nobody", password="pw") is None
    assert not [sql for sql in made if "membership" in sql]


@pytest.mark.parametrize(
    "ask", [authenticate, lambda **given: run(aauthenticate(**given))]
)
def test_the_password_is_in_no_error_report(both, ask):
    secret = "x" * 20
    with (
        override_tenant(both[0]),
        mock.patch.object(type(User.objects), "get_by_natural_key", fails),
        mock.patch.object(type(User.objects), "aget_by_natural_key", fails),
    ):
        try:
            ask(username="ann", password=secret)
        except ZeroDivisionError:
            report = ExceptionReporter(RequestFactory().get("/"), *sys.exc_info())
    frames = [
        frame
        for frame in report.get_traceback_frames()
        if frame["filename"] == sign_in_seams.__file__
    ]
    assert len(frames) == 1
    assert secret not in str([frame["vars"] for frame in frames])


def fails(*_):
    return 1 / 0


# Who no longer can.


def test_a_removed_members_session_ends_with_the_next_request(both):
    user = new_user()
    join(user, both[0], "admin")
    client, _ = sign_in(both[0], user)
    assert says(client) == f"{user} True"
    leave(user)
    assert says(client) == "- False"
    assert says(client, "/awhoami/") == "- False False False"


def test_so_does_that_of_a_suspended_one(both):
    user = new_user()
    row = join(user, both[0], "admin")
    client, _ = sign_in(both[0], user)
    with override_tenant(None):
        row.state = "suspended"
        row.save()
    assert says(client) == "- False"


def test_without_the_membership_the_session_would_go_on(both):
    user = new_user()
    join(user, both[0], "admin")
    client, _ = sign_in(both[0], user)
    leave(user)
    with (
        replaced(lookup, "standing", lambda _: None),
        without_seam(backends.ModelBackend, "get_user"),
    ):
        assert says(client) == f"{user} False"


class Careless(backends.BaseBackend):
    """As some of others: it asks for no more than the key."""

    def authenticate(self, _, code=None):
        return User.objects.filter(pk=code).first()

    def get_user(self, user_id):
        return User.objects.filter(pk=user_id).first()


@pytest.fixture
def careless(settings):
    settings.AUTHENTICATION_BACKENDS = [MODEL, f"{__name__}.Careless"]


def session_of(user):
    """Return a request with a session in which the careless backend let the user in."""
    request = RequestFactory().get("/")
    request.session = {
        auth.SESSION_KEY: str(user.pk),
        auth.BACKEND_SESSION_KEY: f"{__name__}.Careless",
        auth.HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    return request


class Session(dict):
    """A session as the asynchronous functions need it."""

    async def aget(self, key, default=None):
        return self.get(key, default)


def test_a_session_by_a_careless_backend_ends_too(both, careless):
    user = new_user()
    join(user, both[0])
    request = session_of(user)
    with override_tenant(both[0]):
        assert auth.get_user(request) == user
    with override_tenant(both[1]):
        assert auth.get_user(request) == AnonymousUser()
        request.session = Session(request.session)
        assert run(auth.aget_user(request)) == AnonymousUser()
        with without_seam(auth, "get_user"):
            assert auth.get_user(request) == user
        with without_seam(auth, "aget_user"):
            assert run(auth.aget_user(request)) == user


@pytest.mark.parametrize(
    ("name", "credentials"),
    [
        ("AllowAllUsersModelBackend", {"password": "pw"}),
        ("AllowAllUsersRemoteUserBackend", {}),
        ("RemoteUserBackend", {}),
    ],
)
def test_backends_that_let_the_inactive_in_let_in_members_only(
    both, settings, *, name, credentials
):
    path = f"django.contrib.auth.backends.{name}"
    settings.AUTHENTICATION_BACKENDS = [path]
    member, other = new_user(is_active="Allow" not in name), new_user()
    join(member, both[0])
    backend = auth.load_backend(path)
    found = []
    with override_tenant(both[0]):
        for user in (member, other):
            key = "username" if credentials else "remote_user"
            given = {key: user.username, **credentials}
            found.append(authenticate(**given))
            if name != "RemoteUserBackend":
                assert backend.get_user(user.pk) == found[-1]
            assert run(aauthenticate(**given)) == found[-1]
    expected = member if "Allow" in name else found[0]
    assert found == [expected, None]
    if "Allow" in name:
        with (
            override_tenant(both[0]),
            without_seam(getattr(backends, name), "user_can_authenticate"),
        ):
            assert authenticate(**given) == other


# Asynchronously.


def test_an_asynchronous_view_knows_who_it_is(both):
    user = new_user()
    join(user, both[0], "admin")
    client, _ = sign_in(both[0], user)

    async def seen(tenant):
        asking = AnyHost()
        asking.cookies = client.cookies
        answer = await asking.get("/awhoami/", headers={"host": host(tenant)})
        return answer.content.decode()

    assert run(seen(both[0])) == f"{user} True True True"
    leave(user)
    assert run(seen(both[0])) == "- False False False"


def test_nothing_asks_the_database_in_the_event_loop(both):
    user = new_user()
    join(user, both[0], "reader")

    async def all_of_it():
        async with override_tenant(both[0]):
            found = await aauthenticate(username=user.username, password="pw")
            backend = auth.load_backend(MODEL)
            loaded = await backend.aget_user(user.pk)
            with mock.patch.object(lookup, "ThreadPoolExecutor", fails):
                return found, loaded, found.is_active, loaded.is_active

    assert run(all_of_it()) == (user, user, True, True)


def test_a_user_of_a_tenant_that_was_dropped_is_nobody(both):
    user = new_user()
    join(user, both[0])
    ref = both[0].ref
    with override_tenant(type(ref)(key="gone", location=ref.location)):
        assert not fetched(user).is_active
        assert auth.load_backend(MODEL).get_user(user.pk) is None
