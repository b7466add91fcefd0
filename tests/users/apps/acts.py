"""What the processes of these projects do before anything is asked of them."""

from tests.acceptance.sites import KEYS
from tests.world import ONE

PASSWORD = "sesame-17"
CLIENT = {"client_id": "partner", "client_secret": "partners-secret"}
LANDING = "http://partner.example.net/landing"


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

    mail = "ann@example.net"
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
