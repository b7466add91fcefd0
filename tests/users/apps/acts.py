"""What the processes of these projects do before anything is asked of them."""

from tests.acceptance.sites import KEYS
from tests.world import ONE, TWO

PASSWORD = "sesame-17"
CLIENT = {"client_id": "partner", "client_secret": "partners-secret"}
LANDING = "http://partner.example.net/landing"
PEOPLE = {"ann": ONE, "ben": TWO}


def provision():
    """Make the two tenants."""
    from tests.lifecycle import acts

    for key in KEYS:
        acts.provision(key)


def fill_confined():
    """Give each tenant the same user, book and application, but for their names."""
    from django.contrib.auth.hashers import make_password

    from tenantry import override_tenant

    password = make_password(PASSWORD)
    for key in KEYS:
        with override_tenant(key):
            make_user(f"ann-of-{key}", password)
            fill_tenant(key)
            make_application()


def fill_tenant(key):
    """Make the book of the tenant that is active."""
    from tests.shop.models import Author, Book

    author = Author.objects.create(pk=ONE, name=f"author of {key}")
    Book.objects.create(pk=ONE, title=f"book of {key}", author=author)


def make_user(name, password, pk=ONE):
    """Make a user whom nothing but the name tells from the other tenant's."""
    from allauth.account.models import EmailAddress
    from django.contrib.auth.models import User

    mail = name.partition("-")[0] + "@example.net"
    user = User.objects.create(pk=pk, username=name, password=password, email=mail)
    EmailAddress.objects.create(pk=pk, user=user, email=mail, primary=True)
    return user


def make_application(user=None):
    """Make an OAuth application that needs no consent."""
    from oauth2_provider.models import Application

    return Application.objects.create(
        pk=ONE,
        user=user,
        redirect_uris=LANDING,
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        skip_authorization=True,
        **CLIENT,
    )


def fill_members(*, own=False):
    """Make Ann, a member of acme, and Ben, of both; and each tenant's book.

    *own*: each tenant has the partner's application, too.
    """
    from django.contrib.auth.hashers import make_password

    from tenantry import override_tenant

    password = make_password(PASSWORD)
    for name, pk in PEOPLE.items():
        make_user(name, password, pk)
    for key in KEYS:
        with override_tenant(key):
            fill_tenant(key)
            if own:
                make_application()
        join("ben", key)
    join("ann", "acme")
    if not own:
        make_application()


def join(name, key):
    """Make a shared user a member."""
    from django.contrib.auth.models import User

    from tenantry.users.models import Membership
    from tests.customers.models import Tenant

    Membership.objects.create(
        user=User.objects.get(username=name), tenant=Tenant.objects.get(key=key)
    )


def leave(name, key):
    """Take the membership away."""
    from tenantry.users.models import Membership

    Membership.objects.filter(user__username=name, tenant__key=key).delete()
