"""Mail of a tenant goes from its sender, through its server, with its links."""

import socket

import django
import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from django.conf import settings
from django.core import mail
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.smtp import EmailBackend
from django.template import Context, Template
from django.test import override_settings

from tenantry import override_tenant
from tenantry.exceptions import NoActiveTenant
from tenantry.scopes.mail import TenantEmailBackend
from tests.customers.models import Tenant
from tests.scopes.sandwich import Leaked, check
from tests.scopes.test_settings import declaring, without_scope
from tests.world import in_threads

OURS = "tenantry.scopes.mail.TenantEmailBackend"
SMTP = "django.core.mail.backends.smtp.EmailBackend"
HAS_MAILERS = django.VERSION >= (6, 1)
NAMES = [
    "DEFAULT_FROM_EMAIL",
    "SERVER_EMAIL",
    "EMAIL_SUBJECT_PREFIX",
    "EMAIL_HOST",
    "EMAIL_PORT",
    "EMAIL_HOST_USER",
    "EMAIL_HOST_PASSWORD",
]
PLACES = (None, 0, 1)
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*Migrate to MAILERS"),
    pytest.mark.filterwarnings("ignore:.*[dD]eprecated"),
    pytest.mark.filterwarnings("ignore:.*connection.* argument"),
]


def free_port():
    """Return a port that nothing listens at."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


class Server:
    """A real SMTP server that remembers who logged in and what came."""

    def __init__(self):
        self.came = []
        self.logins = []
        self.controller = Controller(
            self,
            hostname="127.0.0.1",
            port=free_port(),
            authenticator=self.authenticate,
            auth_require_tls=False,
        )

    def authenticate(self, _server, _session, _envelope, _mechanism, data):
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=True)

    async def handle_DATA(self, _server, _session, envelope):  # noqa: N802  (aiosmtpd's)
        self.came.append((envelope.mail_from, envelope.content.decode()))
        return "250 OK"

    @property
    def port(self):
        return self.controller.port

    @property
    def senders(self):
        return [sender for sender, _ in self.came]


@pytest.fixture(scope="module")
def servers():
    """Return the mail servers of the project, of A and of B."""
    made = [Server() for _ in PLACES]
    for each in made:
        each.controller.start()
    yield made
    for each in made:
        each.controller.stop()


@pytest.fixture(autouse=True)
def _declared(pair, servers):
    for each in servers:
        each.came.clear()
        each.logins.clear()
    shared, *own = servers
    with (
        declaring(SETTINGS=NAMES),
        override_settings(
            EMAIL_BACKEND=SMTP,
            EMAIL_HOST="127.0.0.1",
            EMAIL_PORT=shared.port,
            EMAIL_HOST_USER="project",
            EMAIL_HOST_PASSWORD="ours",
            DEFAULT_FROM_EMAIL="shared@example.com",
        ),
    ):
        for tenant, name, server in zip(pair, "ab", own, strict=True):
            tenant.set_settings(
                DEFAULT_FROM_EMAIL=f"{name.upper()} <{name}@example.com>",
                EMAIL_HOST="127.0.0.1",
                EMAIL_PORT=server.port,
                EMAIL_HOST_USER=name,
                EMAIL_HOST_PASSWORD=f"pw of {name}",
            )
        yield
        for tenant in pair:
            names = Tenant.objects.get(pk=tenant.pk).settings
            tenant.set_settings(**dict.fromkeys(names))


def mailers(**options):
    """Return MAILERS with the project's own connection, made by our backend."""
    return {
        "default": {
            "BACKEND": OURS,
            "OPTIONS": {
                "host": "127.0.0.1",
                "username": "project",
                "password": "ours",
                **options,
            },
        }
    }


@pytest.fixture(params=["smtp", "ours", "mailers"])
def way(request, servers):
    """Send by Django's backend, by ours around it, and by ours as a mailer."""
    if request.param == "smtp":
        yield
    elif request.param == "ours":
        with override_settings(EMAIL_BACKEND=OURS):
            yield
    elif HAS_MAILERS:
        with override_settings(MAILERS=mailers(port=servers[0].port)):
            yield
    else:
        pytest.skip("MAILERS came with Django 6.1")


def send(subject="x"):
    return mail.send_mail(subject, "body", None, ["to@example.com"])


def visit(pair, act):
    """Do it in each place, and return what it returned."""
    found = []
    for place in PLACES:
        with override_tenant(None if place is None else pair[place]):
            found.append(act())
    return found


@pytest.mark.usefixtures("way")
@pytest.mark.service("Mail", "SMTP", by="settings of the tenant")
def test_each_place_sends_from_its_sender_through_its_server(pair, servers):
    assert visit(pair, send) == [1, 1, 1]
    assert [s.senders for s in servers] == [
        ["shared@example.com"],
        ["a@example.com"],
        ["b@example.com"],
    ]
    assert [s.logins for s in servers] == [
        [("project", "ours")],
        [("a", "pw of a")],
        [("b", "pw of b")],
    ]


@pytest.mark.service("Mail", "SMTP", by="settings of the tenant")
@pytest.mark.usefixtures("way")
class TestTheSandwich:
    def act(self, servers):
        """Return what writes (the sender) and what reads (a mail that came)."""

        def write(value):
            tenant = Tenant.objects.get_active()
            sender = f"{value.replace(' ', '-')}@example.com"
            if tenant is None:
                settings.DEFAULT_FROM_EMAIL = sender
            else:
                tenant.set_settings(DEFAULT_FROM_EMAIL=sender)

        def read():
            tenant = Tenant.objects.get_active()
            subject = str(tenant and tenant.key)
            send(subject)
            at = servers[0 if tenant is None else self.keys.index(tenant.key) + 1]
            mine = [s for s, text in at.came if f"Subject: {subject}" in text]
            return mine[-1].partition("@")[0].replace("-", " ") if mine else None

        return write, read

    @pytest.fixture(autouse=True)
    def _keys(self, pair):
        self.keys = [tenant.key for tenant in pair]

    def test_each_place_sends_its_own_through_its_own(self, pair, servers):
        check(*self.act(servers), *pair)

    def test_without_the_scope_it_leaks(self, pair, servers):
        with without_scope(), pytest.raises(Leaked):
            check(*self.act(servers), *pair)


def test_django_s_own_backend_keeps_the_first_tenants_connection(pair, servers):
    """What ours is for: the premise of the next test."""
    with override_tenant(pair[0]):
        kept = mail.get_connection()
    with override_tenant(pair[1]):
        mail.EmailMessage("x", "y", None, ["to@example.com"], connection=kept).send()
    assert servers[1].senders == ["b@example.com"]


@pytest.mark.service("Mail", "a connection that is kept", by="`TenantEmailBackend`")
@pytest.mark.parametrize("opened", [False, True])
def test_a_connection_that_is_kept_sends_by_the_tenant_of_each_mail(
    pair, servers, opened
):
    with override_settings(EMAIL_BACKEND=OURS):
        kept = mail.get_connection()

        def act():
            if opened:
                kept.open()
            message = mail.EmailMessage("x", "y", None, ["to@example.com"])
            return kept.send_messages([message])

        assert visit(pair, act) == [1, 1, 1]
        visit(pair, act)
        assert len(kept._opened) == (3 if opened else 0)
        kept.close()
        assert not kept._opened
    assert [set(s.senders) for s in servers] == [
        {"shared@example.com"},
        {"a@example.com"},
        {"b@example.com"},
    ]
    assert [len(s.logins) for s in servers] == [1 if opened else 2] * 3


@pytest.mark.usefixtures("way")
def test_the_projects_password_never_goes_to_a_tenants_server(pair, servers):
    a, _ = pair
    a.set_settings(EMAIL_HOST_USER=None, EMAIL_HOST_PASSWORD=None)
    with override_tenant(a):
        send()
    assert servers[1].senders == ["a@example.com"]
    assert servers[1].logins == []


def test_mail_to_admins_is_from_the_tenant(pair, servers):
    pair[0].set_settings(SERVER_EMAIL="root@a.example", EMAIL_SUBJECT_PREFIX="[A] ")
    admins = ["admin@example.com"] if HAS_MAILERS else [("Ann", "admin@example.com")]
    with override_settings(ADMINS=admins), override_tenant(pair[0]):
        mail.mail_admins("broken", "see")
    ((sender, text),) = servers[1].came
    assert sender == "root@a.example"
    assert "Subject: [A] broken" in text


def test_a_server_that_is_down_is_silent_where_that_is_asked_for(pair):
    pair[0].set_settings(EMAIL_PORT=1)
    with override_settings(EMAIL_BACKEND=OURS), override_tenant(pair[0]):
        with pytest.raises(OSError, match="refused"):
            send()
        assert mail.send_mail(
            "x", "y", None, ["t@example.com"], fail_silently=True
        ) in (
            0,
            None,
        )


def test_the_backend_around_another(pair):
    other = "django.core.mail.backends.locmem.EmailBackend"
    with (
        override_settings(EMAIL_BACKEND=OURS),
        declaring(SETTINGS=NAMES, EMAIL_BACKEND=other),
        override_tenant(pair[0]),
    ):
        mail.outbox = []
        assert send() == 1
        assert mail.outbox[0].from_email == "A <a@example.com>"


def test_a_backend_that_is_not_there_is_named():
    with pytest.raises(ImproperlyConfigured, match=r"sends by 'nowhere\.Backend'"):
        TenantEmailBackend(backend="nowhere.Backend").make()


TEMPLATE = (
    "{% load tenantry %}{% tenant_url '/x/' %} {% tenant_url 'authors' %} "
    "{% tenant_url %}"
)


@pytest.mark.service("Mail", "absolute URLs", by="`{% tenant_url %}`")
def test_links_in_a_mail_are_the_tenants_wherever_it_is_made(pair):
    template = Template(TEMPLATE)

    def render():
        return template.render(Context())

    for tenant in pair:
        with override_tenant(tenant):
            base = f"https://{tenant.domains.get(is_primary=True).host}"
            assert render() == f"{base}/x/ {base}/ {base}/"
    with pytest.raises(NoActiveTenant):
        render()


def test_threads_send_each_its_own(pair, servers):
    def sender(tenant):
        def act():
            with override_tenant(tenant):
                for _ in range(5):
                    send()

        return act

    in_threads(*map(sender, pair))
    assert [s.senders for s in servers] == [
        [],
        ["a@example.com"] * 5,
        ["b@example.com"] * 5,
    ]


def test_django_s_backend_is_what_the_default_is():
    assert EmailBackend.__module__ + ".EmailBackend" == SMTP
