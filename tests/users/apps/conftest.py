"""Projects whose people are signed in by the apps of others, in two tenants each.

One project for each arrangement and engine; what is asked of it is a function of a test
module, called in a fork of its process.
"""

from contextlib import contextmanager
from functools import cache

import pytest

from tests.acceptance import sites
from tests.settings.arrangements import AUTH
from tests.users.apps import acts

NEIGHBOURS = [
    *("account", "socialaccount", "mfa", "authtoken", "token_blacklist"),
    *("guardian", "oauth2_provider"),
]


@cache
def rsa_key():
    """Return the key that a project signs with."""
    return make_key()


def make_key():
    """Return a new key, in PEM."""
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    made = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return made.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ).decode()


@contextmanager
def project(isolation, folder, *, shared, own, **settings):
    """Make a project with two tenants, for a block."""
    made = sites.make(isolation, folder, "tests.users.apps.settings")
    made.settings["TENANTRY"] |= {
        "SHARED_APPS": ["customers", "geo", *shared],
        "TENANT_APPS": [*own, "admin", "shop"],
        "SHARED_URLCONF": "tests.users.apps.urls",
    }
    made.settings |= {"RSA_KEY": rsa_key(), **settings}
    try:
        made.manage("migrate", "-v0").ok()
        made.call(acts.provision)
        yield made
    finally:
        made.close()


@pytest.fixture(scope="package", params=[sites.SQLITE, sites.SCHEMA])
def confined(request, tmp_path_factory):
    """A project whose tenants have users, and these apps, of their own."""
    folder = tmp_path_factory.mktemp("confined") / "p"
    own = [*AUTH, *NEIGHBOURS]
    with project(request.param, folder, shared=[], own=own) as made:
        made.call(acts.fill_confined)
        yield made


@pytest.fixture(scope="package", params=[sites.SQLITE, sites.SCHEMA])
def members(request, tmp_path_factory):
    """A project whose users, and these apps, are shared; some are members of tenants.

    Ann is a member of acme, Ben of both tenants.
    """
    folder = tmp_path_factory.mktemp("members") / "p"
    shared = [*AUTH, *NEIGHBOURS]
    with project(
        request.param, folder, shared=shared, own=[], MORE_APPS=["tenantry.users"]
    ) as made:
        made.call(acts.fill_members)
        yield made
