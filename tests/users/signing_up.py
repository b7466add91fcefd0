"""What the suites of signing up have in common: the settings, the form, the visitor."""

import re
from contextlib import contextmanager

import django
from django.core import mail
from django.test import Client

SHARED = "example.com"
PASSWORD = "correct horse battery"
UNTIL_DONE = 300  # seconds, of patience
SUBDOMAINS = {
    "BACKEND": "tenantry.routing.SubdomainResolver",
    "OPTIONS": {"BASE": SHARED},
}


def signing_up_makes(settings, what, **options):
    """Set what signing up makes; tenants are reached by their slug."""
    settings.TENANTRY = {
        **settings.TENANTRY,
        "SIGNUP": what,
        "RESOLVERS": [SUBDOMAINS],
        **options,
    }


def mails_are_kept(settings):
    """Let mails end in `mail.outbox`."""
    backend = "django.core.mail.backends.locmem.EmailBackend"
    if django.VERSION >= (6, 1):
        settings.MAILERS = {"default": {"BACKEND": backend}}
    else:
        settings.EMAIL_BACKEND = backend
    mail.outbox = []


def visitor(host=SHARED):
    """Return a client of a site that raises what a view raises."""
    return Client(headers={"host": host})


def form(username, *, key="", name=""):
    """Return what somebody types in."""
    given = {"username": username, "password1": PASSWORD, "password2": PASSWORD}
    given["email"] = f"{username}@example.net"
    return {**given, "tenant_name": name or key, "tenant_key": key}


def sign_up(client, username, *, key="", name=""):
    """Fill in the form of the shared site and send it."""
    return client.post("/people/signup/", form(username, key=key, name=name))


def text_of(response):
    """Return the page without its tags."""
    return " ".join(re.sub(r"<[^>]*>", " ", response.content.decode()).split())


@contextmanager
def receiving(signal, receiver):
    """Connect a receiver for a block."""
    signal.connect(receiver, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receiver)
