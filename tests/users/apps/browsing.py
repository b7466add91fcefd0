"""How a browser, a partner's server or a script behaves at a tenant's site."""

import re
from contextlib import contextmanager
from urllib.parse import parse_qs, urlsplit

from tests.acceptance import browser
from tests.users.apps.acts import CLIENT, LANDING, PASSWORD
from tests.world import replaced


def client(key):
    """Return a browser at a tenant's site, or at the shared one."""
    made = browser.client(key)
    if key is None:
        made.defaults["HTTP_HOST"] = "example.com"
    return made


def signed_in(key, name):
    """Return a browser that has sent the form of allauth."""
    made = client(key)
    made.post("/accounts/login/", {"login": name, "password": PASSWORD})
    assert who(made) == name
    return made


def who(visitor):
    """Return the name that the session is of, empty for nobody's."""
    return visitor.get("/whoami/").json()["user"]


def mailed_code():
    """Return the code of the last mail that was sent."""
    from django.core import mail

    return re.search(r"^[A-Z0-9-]{6,}$", mail.outbox[-1].body, re.MULTILINE)[0]


def known(key, scheme, credential):
    """Return by what name the tenant's API knows a credential, or its refusal."""
    answer = client(key).get(
        "/api/", headers={"authorization": f"{scheme} {credential}"}
    )
    return answer.json().get("user", answer.status_code)


def code_for(visitor):
    """Return the code that the tenant's site gives to the partner for its user."""
    asked = {
        "response_type": "code",
        "client_id": CLIENT["client_id"],
        "redirect_uri": LANDING,
        "scope": "openid read introspection",
    }
    answer = visitor.get("/o/authorize/", asked)
    assert answer.status_code == 302, (answer.status_code, answer.content)
    return parse_qs(urlsplit(answer["Location"]).query)["code"][0]


def tokens_for(key, code):
    """Return the status, and what the partner gets for a code."""
    facts = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": LANDING,
        **CLIENT,
    }
    answer = client(key).post("/o/token/", facts)
    return answer.status_code, answer.json()


def refreshed(key, refresh):
    """Return the status, and what the partner gets for a refresh token."""
    facts = {"grant_type": "refresh_token", "refresh_token": refresh, **CLIENT}
    answer = client(key).post("/o/token/", facts)
    return answer.status_code, answer.json()


def introspected(key, own, token):
    """Whether the tenant tells a server, which has its own token, that one holds."""
    bearer = {"authorization": f"Bearer {own}"}
    answer = client(key).post("/o/introspect/", {"token": token}, headers=bearer)
    assert answer.status_code == 200, answer.content
    return answer.json()["active"]


def takes_id(key, id_token):
    """Whether the tenant takes an id token."""
    from oauth2_provider.oauth2_validators import OAuth2Validator
    from oauthlib.common import Request

    from tenantry import override_tenant

    with override_tenant(key):
        return OAuth2Validator().validate_id_token(id_token, ["openid"], Request("/"))


@contextmanager
def one_key_for_all():
    """Sign as without tenantry: with the project's key, in every tenant."""
    from tenantry.scopes.signing import DerivedKey, DerivedKeys

    def same(_self, _tenant, value):
        return value

    with replaced(DerivedKey, "of", same), replaced(DerivedKeys, "of", same):
        yield
