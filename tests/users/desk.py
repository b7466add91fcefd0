"""A support desk: staff of the shared site, and users of two tenants to act as."""

from contextlib import contextmanager
from urllib.parse import urlsplit

from django.contrib.auth.models import Permission, User
from django.test import Client

from tenantry import override_tenant
from tenantry.catalog.people import AuditEntry, Impersonation
from tenantry.users import impersonation
from tests.world import two_tenants

SHARED = "example.com"
PAGE = "/pages/page/"


class Desk:
    """Two tenants, `staff` who may impersonate, and `targets`: a user of each."""

    def __init__(self, a, b, targets):
        self.a, self.b, self.targets = a, b, targets
        self.staff = self.shared_user("staff", may=True)

    def shared_user(self, name, *, may=False, **fields):
        """Make a shared user."""
        with override_tenant(None):
            user = User.objects.create_user(f"{name}-{self.a.key}", **fields)
            if may:
                user.user_permissions.add(
                    Permission.objects.get(codename="impersonate")
                )
            return User.objects.get(pk=user.pk)

    def start(self, tenant=None, **given):
        """Return the URL that begins to act as the tenant's user."""
        tenant = tenant or self.a
        with override_tenant(None):
            return impersonation.start(
                given.get("who", self.staff),
                tenant,
                given.get("pk", self.targets[tenant.key]),
                reason=given.get("reason", "a call"),
            )

    def begin(self, url=None):
        """Return a browser that acts as the user of `a`."""
        client = Client()
        answer = self.follow(client, url or self.start())
        assert answer.status_code == 302, answer.content
        return client

    def follow(self, client, url, host=None):
        """Open a URL that we were given."""
        parts = urlsplit(url)
        host = host or parts.netloc
        return client.get(f"{parts.path}?{parts.query}", headers={"host": host})

    def get(self, client, path=PAGE, tenant=None):
        """Open a path at the tenant."""
        host = host_of(tenant or self.a)
        return client.get(path, headers={"host": host})

    def end_all(self):
        """Forget who acts, and who there is."""
        with override_tenant(None):
            Impersonation.objects.all().delete()
            User.objects.all().delete()


def host_of(tenant):
    """Return the tenant's host."""
    return f"{tenant.key}.example.org"


@contextmanager
def desk(make_user):
    """Provision two tenants, whose users have the same primary key."""
    with two_tenants() as (a, b):
        targets = {each.key: make_user(each) for each in (a, b)}
        opened = Desk(a, b, targets)
        try:
            yield opened
        finally:
            opened.end_all()


def acts(action="change"):
    """Return what was written down in the tenants where somebody acts as another."""
    with override_tenant(None):
        keys = Impersonation.objects.values("tenant_key")
        rows = AuditEntry.objects.filter(action=f"impersonation.{action}")
        return list(rows.filter(tenant_key__in=keys).order_by("pk"))


def row():
    """Return the one impersonation."""
    with override_tenant(None):
        return Impersonation.objects.get()


def acting_as(answer):
    """Whether the page was opened by somebody who acts as another."""
    return answer.status_code == 200 and b"acts as" in answer.content
