"""Whose mail server carries the secrets of shared accounts: never a tenant's own."""

from contextlib import contextmanager

import pytest
from django.core import mail
from django.core.mail.backends import locmem

from tenantry import get_tenant
from tenantry.users import joining, login, mails
from tenantry.users.invitations import invite
from tests.users.browser import Browser, at
from tests.users.members.standing import join, new_user
from tests.world import new_key, replaced

pytestmark = pytest.mark.filterwarnings("ignore:.*MAILERS")


@contextmanager
def carriers():
    """Collect by whose server mails are sent: the key of a tenant, or None."""
    found = []
    original = locmem.EmailBackend.send_messages

    def send(self, messages):
        tenant = get_tenant()
        found.append(None if tenant is None else tenant.key)
        return original(self, messages)

    with replaced(locmem.EmailBackend, "send_messages", send):
        yield found


def reset(tenant):
    """Ask at the tenant for a new password of a member."""
    member = new_user()
    join(member, tenant)
    Browser().post(at(tenant, "/people/password/reset/"), email=member.email)
    assert mail.outbox[-1].to == [member.email]


def invited(tenant):
    invite(tenant, f"{new_key()}@example.net", "member")


def claimed(tenant):
    joining.claim_domain(tenant, f"{new_key()}@{new_key()}.example.net", "member")


MAILS = pytest.mark.parametrize("send", [reset, invited, claimed])


@MAILS
def test_secrets_of_shared_accounts_go_by_the_server_of_the_project(both, send):
    with carriers() as found:
        send(both[0])
    assert found == [None]


@MAILS
def test_without_the_carrier_the_tenants_own_server_would_read_them(both, send):
    def tenants(tenant):
        return tenant

    with (
        replaced(mails, "carrier", tenants),
        replaced(login, "carrier", tenants),
        carriers() as found,
    ):
        send(both[0])
    assert found == [both[0].key]
