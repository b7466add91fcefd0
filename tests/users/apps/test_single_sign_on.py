"""Each tenant signs its people in by a provider of its own, a real one on a port.

Both providers call their person the same (`sub` 1), and both tenants give their first
user the same key.
"""

from urllib.parse import parse_qs, urlsplit

import pytest

from tests.acceptance import sites
from tests.settings.arrangements import AUTH
from tests.users.apps import acts, browsing
from tests.users.apps.acts import PASSWORD
from tests.users.apps.browsing import client
from tests.users.apps.conftest import NEIGHBOURS, make_key, project
from tests.users.apps.provider import Provider, providers
from tests.world import in_threads

pytestmark = pytest.mark.service(
    "Single sign-on", "OpenID Connect", by="a setting of the tenant's"
)
LOGIN = "/accounts/oidc/corp/login/"
SECRETS = {key: f"secret-of-{key}" for key in sites.KEYS}
DECLARED = {
    "SOCIALACCOUNT_PROVIDERS": {"DEFAULT": {}, "SECRET": True},
    "REQUIRE_SSO": {"DEFAULT": False},
}
RECIPE = "tests.users.apps.require_sso"


@pytest.fixture(scope="module")
def sign_on(tmp_path_factory):
    """Yield a project, and the providers of its tenants by their keys."""
    made = [
        (
            key,
            {"client_id": f"client-of-{key}", "secret": SECRETS[key]},
            f"http://{key}.example.com{LOGIN}callback/",
            make_key(),
        )
        for key in sites.KEYS
    ]
    folder = tmp_path_factory.mktemp("sso") / "p"
    with (
        providers(*made) as running,
        project("sqlite", folder, shared=[], own=[*AUTH, *NEIGHBOURS]) as tenants,
    ):
        tenants.settings["TENANTRY"]["SETTINGS"] = DECLARED
        tenants.change(
            ACCOUNT_ADAPTER=f"{RECIPE}.SsoAdapter",
            AUTHENTICATION_BACKENDS=[
                f"{RECIPE}.NoPasswords",
                "django.contrib.auth.backends.ModelBackend",
                "allauth.account.auth_backends.AuthenticationBackend",
            ],
        )
        known = {each.name: each for each in running}
        for key, each in known.items():
            tenants.call(configure, key, each.setting)
        yield tenants, known


def configure(key, setting):
    """Give the tenant a provider."""
    from tests.customers.models import Tenant

    Tenant.objects.get(key=key).set_settings(SOCIALACCOUNT_PROVIDERS=setting)


def facts(known):
    """Return the providers as a process of the project is told of them."""
    return {key: (each.client, each.url) for key, each in known.items()}


def remade(told):
    return {
        key: Provider(key, each, int(urlsplit(url).port))
        for key, (each, url) in told.items()
    }


def started(key):
    """Return a browser that has pressed the button, and where it was sent."""
    browser = client(key)
    answer = browser.post(LOGIN)
    assert answer.status_code == 302, answer.content
    return browser, answer["Location"]


def arrive(browser, url):
    """Let the browser go where the provider sent it; return who it is then."""
    parts = urlsplit(url)
    browser.get(parts.path, parse_qs(parts.query))
    return browsing.who(browser)


def test_each_tenant_signs_in_by_its_own_provider(sign_on):
    tenants, known = sign_on
    found = tenants.call(all_at_once, facts(known))
    for key, each in known.items():
        assert found[key] == {
            "asked": each.url.removesuffix("/o"),
            "client": each.client["client_id"],
            "name": f"sam-of-{key}",
            "account": found["acme"]["account"],
        }
    assert found["acme"]["account"][1] == "1"


def all_at_once(told):
    """Sign in at both in two threads; return what each has to do with."""
    known = remade(told)

    def whole(key):
        def run():
            from allauth.socialaccount.models import SocialAccount

            from tenantry import override_tenant

            browser, url = started(key)
            parts = urlsplit(url)
            name = arrive(browser, known[key].send_back(url))
            with override_tenant(key):
                account = SocialAccount.objects.get()
                ids = [account.user_id, account.uid]
            return {
                "asked": f"{parts.scheme}://{parts.netloc}",
                "client": parse_qs(parts.query)["client_id"][0],
                "name": name,
                "account": ids,
            }

        return run

    return dict(zip(known, in_threads(*map(whole, known)), strict=True))


def test_what_one_tenants_provider_sent_is_refused_by_the_other(sign_on):
    tenants, known = sign_on
    assert tenants.call(elsewhere, facts(known)) == {
        "with the cookies of acme": "",
        "with a sign-in of its own begun": "",
        "the code with globex's own state": "",
        "at acme": "sam-of-acme",
    }


def elsewhere(told):
    """Take acme's callback to globex by three ways, then to acme."""
    known = remade(told)
    found = {}
    browser, url = started("acme")
    sent = known["acme"].send_back(url)
    same = client("globex")
    same.cookies = browser.cookies.copy()
    found["with the cookies of acme"] = arrive(same, sent)
    begun, own = started("globex")
    found["with a sign-in of its own begun"] = arrive(begun, sent)
    begun, own = started("globex")
    state = parse_qs(urlsplit(own).query)["state"][0]
    code = parse_qs(urlsplit(sent).query)["code"][0]
    mixed = f"{LOGIN}callback/?code={code}&state={state}"
    found["the code with globex's own state"] = arrive(begun, mixed)
    found["at acme"] = arrive(browser, sent)
    return found


def test_a_tenant_without_a_provider_has_no_sign_on(sign_on):
    tenants, known = sign_on
    assert tenants.call(without, known["globex"].setting) == [404, 302]


def without(setting):
    """Take globex's away, and give it back."""
    configure("globex", None)
    found = [client("globex").post(LOGIN).status_code]
    configure("globex", setting)
    return [*found, client("globex").post(LOGIN).status_code]


def test_control_nothing_but_the_setting_says_whose_provider_it_is(sign_on):
    tenants, known = sign_on
    settings = {key: each.setting for key, each in known.items()}
    assert tenants.call(exchanged, settings) == known["acme"].url


def exchanged(settings):
    """Return where globex's people are sent with acme's setting."""
    configure("globex", settings["acme"])
    _, url = started("globex")
    configure("globex", settings["globex"])
    return url.partition("/authorize")[0]


def test_a_tenant_may_require_it(sign_on):
    tenants, known = sign_on
    assert tenants.call(required, facts(known)) == {
        "acme": ["", 400, "", "sam-of-acme"],
        "globex": ["ann", 200, "ann", "sam-of-globex"],
    }


def required(told):
    """Try a password, a token for one, a code by mail, and the provider."""
    from tests.customers.models import Tenant

    acme = Tenant.objects.get(key="acme")
    acme.set_settings(REQUIRE_SSO=True)
    known = remade(told)
    found = {}
    for key in known:
        by_password = {"username": "ann", "password": PASSWORD}
        make_ann(key)
        browser, script, coded = client(key), client(key), client(key)
        browser.post("/accounts/login/", {"login": "ann", "password": PASSWORD})
        coded.post("/accounts/login/code/", {"email": "ann@example.net"})
        coded.post("/accounts/login/code/confirm/", {"code": browsing.mailed_code()})
        visitor, url = started(key)
        found[key] = [
            browsing.who(browser),
            script.post("/api/token/", by_password).status_code,
            browsing.who(coded),
            arrive(visitor, known[key].send_back(url)),
        ]
    acme.set_settings(REQUIRE_SSO=None)
    return found


def make_ann(key):
    from django.contrib.auth.hashers import make_password

    from tenantry import override_tenant

    with override_tenant(key):
        acts.make_user("ann", make_password(PASSWORD))


def test_a_provider_may_be_a_row_of_the_tenants(sign_on):
    tenants, known = sign_on
    assert tenants.call(by_row, known["acme"].setting) == [404, 302, 404]


def by_row(setting):
    """Give acme its provider by a row of its own, and both none by settings."""
    from allauth.socialaccount.models import SocialApp

    from tenantry import override_tenant

    app = setting["openid_connect"]["APPS"][0]
    configure("acme", None)
    found = [client("acme").post(LOGIN).status_code]
    with override_tenant("acme"):
        row = SocialApp.objects.create(provider="openid_connect", **app)
    found.append(client("acme").post(LOGIN).status_code)
    configure("acme", setting)
    with override_tenant("acme"):
        row.delete()
    other = client("globex").post("/accounts/oidc/other/login/")
    return [*found, other.status_code]


def test_the_clients_secret_is_encrypted_where_it_is_stored(sign_on):
    tenants, _ = sign_on
    assert tenants.call(stored) == [False, SECRETS["acme"]]


def stored():
    from django.conf import settings

    from tenantry import override_tenant
    from tests.customers.models import Tenant

    kept = str(Tenant.objects.filter(key="acme").values("settings"))
    with override_tenant("acme"):
        (app,) = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]["APPS"]
    return SECRETS["acme"] in kept, app["secret"]
