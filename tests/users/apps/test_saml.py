"""Each tenant signs its people in by a SAML provider of its own.

Both have an app of the same name, and both providers say that it is user 1.
"""

import pytest

from tests.acceptance import sites
from tests.settings.arrangements import AUTH
from tests.users.apps import browsing, saml
from tests.users.apps.browsing import client
from tests.users.apps.conftest import NEIGHBOURS, make_key, project

pytestmark = pytest.mark.service(
    "Single sign-on", "SAML", by="a setting of the tenant's"
)
LOGIN, BACK = "/accounts/saml/corp/login/", "/accounts/saml/corp/acs/"


@pytest.fixture(scope="module")
def sign_on(tmp_path_factory):
    """Yield a project, and the keys of its tenants' providers."""
    keys = {key: make_key() for key in sites.KEYS}
    known = {key: (pem, saml.certificate(pem)) for key, pem in keys.items()}
    folder = tmp_path_factory.mktemp("saml") / "p"
    with project("sqlite", folder, shared=[], own=[*AUTH, *NEIGHBOURS]) as tenants:
        tenants.settings["TENANTRY"]["SETTINGS"] = {
            "SOCIALACCOUNT_PROVIDERS": {"DEFAULT": {}, "SECRET": True}
        }
        tenants.close_server()
        tenants.call(configure, known)
        yield tenants, known


def configure(known):
    """Give each tenant its provider."""
    from tests.customers.models import Tenant

    for key, (_, cert) in known.items():
        tenant = Tenant.objects.get(key=key)
        tenant.set_settings(SOCIALACCOUNT_PROVIDERS=saml.setting(key, cert))


def started(key):
    """Return a browser that has pressed the button, and where it was sent."""
    browser = client(key)
    return browser, browser.post(LOGIN)["Location"]


def arrive(browser, form):
    """Let the browser send the provider's form; return who it is then."""
    browser.post(BACK, form, follow=True)
    return browsing.who(browser)


def test_each_tenant_signs_in_by_its_own_provider(sign_on):
    tenants, known = sign_on
    assert tenants.call(by_own, known) == ["saml-of-acme", "saml-of-globex"]


def by_own(known):
    found = []
    for key, (pem, cert) in known.items():
        browser, url = started(key)
        assert url.startswith(f"https://{key}.example/sso?")
        found.append(arrive(browser, saml.answer(key, url, key=pem, cert=cert)))
    return found


def test_what_one_tenants_provider_says_is_refused_by_the_other(sign_on):
    tenants, known = sign_on
    assert tenants.call(elsewhere, known) == {
        "with the cookies of acme": "",
        "to what globex asked": "",
        "in the name of globex's provider": "",
        "by globex's own": "saml-of-globex",
    }


def elsewhere(known):
    """Let acme's provider answer at globex by three ways, then globex's own."""
    acmes = dict(zip(("key", "cert"), known["acme"], strict=True))
    own = dict(zip(("key", "cert"), known["globex"], strict=True))
    found = {}
    browser, url = started("acme")
    same = client("globex")
    same.cookies = browser.cookies.copy()
    found["with the cookies of acme"] = arrive(same, saml.answer("acme", url, **acmes))
    begun, url = started("globex")
    found["to what globex asked"] = arrive(begun, saml.answer("acme", url, **acmes))
    begun, url = started("globex")
    forged = saml.answer("globex", url, **acmes)
    found["in the name of globex's provider"] = arrive(begun, forged)
    begun, url = started("globex")
    found["by globex's own"] = arrive(begun, saml.answer("globex", url, **own))
    return found
