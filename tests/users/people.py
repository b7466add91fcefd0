"""What the suites of people's pages have in common: browsers, mails, people."""

import re

from django.contrib.auth.models import User
from django.core import mail
from django.test import Client

from tenantry import override_tenant
from tests.world import new_key

PASSWORD = "a long enough password"
LINK = re.compile(r"https://([^/\s]+)(/\S*)")


class Browser(Client):
    """A browser that is at one tenant, or at the shared site."""

    def __init__(self, tenant=None, **options):
        super().__init__(**options)
        self.tenant = tenant
        self.host = "example.com" if tenant is None else f"{tenant.key}.example.org"

    def request(self, **request):
        return super().request(**{"HTTP_HOST": self.host, **request})

    def force_login(self, user, backend=None):
        with override_tenant(self.tenant):
            super().force_login(user, backend)


def user_of(place, name="u", **fields):
    """Return a new user: of the tenant, or with None a shared one."""
    name = new_key(name)
    fields.setdefault("email", f"{name}@example.org")
    with override_tenant(place):
        return User.objects.create_user(name, password=PASSWORD, **fields)


def last_link():
    """Return host and path of the link in the last mail."""
    return LINK.search(mail.outbox[-1].body).groups()


def token_of_mail():
    """Return the token of the link in the last mail."""
    return last_link()[1].rstrip("/").rpartition("/")[2]


def chosen(**fields):
    """Return what a new account's form is given."""
    return {"new_password1": PASSWORD, "new_password2": PASSWORD, **fields}
