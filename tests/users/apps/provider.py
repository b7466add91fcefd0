"""An OpenID provider of a customer's: a project of its own, served on a port.

It is django-oauth-toolkit with one person, one client and a key that signs; it knows
nothing of tenants. Its facts come as JSON; it says the port when it is ready.
"""

import json
import subprocess
import sys
from contextlib import contextmanager

from tests.acceptance.browser import Forms
from tests.projects import ROOT

PASSWORD = "provider-pass"
CONSENTS = {"allow": "Authorize"}
FORM = "<form method=post>{% csrf_token %}{{ form }}</form>"


class Provider:
    """A provider at work, and the client that it has for a tenant."""

    def __init__(self, name, client, port):
        self.name = name
        self.client = client
        self.url = f"http://127.0.0.1:{port}/o"

    @property
    def setting(self):
        """Return what the tenant's SOCIALACCOUNT_PROVIDERS say of it."""
        app = {
            "provider_id": "corp",
            "name": self.name,
            **self.client,
            "settings": {"server_url": self.url},
        }
        return {"openid_connect": {"APPS": [app], "OAUTH_PKCE_ENABLED": True}}

    def send_back(self, url):
        """Sign in with a browser of its own; return where the provider sends it."""
        import requests

        with requests.Session() as browser:
            answer = browser.get(url, timeout=20)
            answer = submit(browser, answer, username="sam", password=PASSWORD)
            answer = submit(browser, answer, follow=False, **CONSENTS)
            assert answer.status_code == 302, answer.text
            return answer.headers["Location"]


def submit(browser, page, *, follow=True, **changed):
    """Send the form of a page."""
    assert page.status_code == 200, page.text
    reader = Forms()
    reader.feed(page.text)
    return browser.post(
        page.url,
        {**reader.found, **changed},
        allow_redirects=follow,
        timeout=20,
    )


@contextmanager
def providers(*each):
    """Run providers for a block, each from (name, client's facts, callback, key)."""
    running = [start(*facts) for facts in each]
    try:
        ports = [process.stdout.readline() for process in running]
        yield [
            Provider(name, client, int(port))
            for (name, client, *_), port in zip(each, ports, strict=True)
        ]
    finally:
        for process in running:
            process.terminate()
            process.wait()
            process.stdout.close()


def start(*given):
    facts = dict(zip(("name", "client", "callback", "key"), given, strict=True))
    return subprocess.Popen(
        [sys.executable, "-m", "tests.users.apps.provider", json.dumps(facts)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )


# --- The provider's process.


def configure(facts):
    """Set up Django for the provider."""
    import django
    from django.conf import settings

    apps = ["auth", "contenttypes", "sessions"]
    settings.configure(
        SECRET_KEY=facts["name"],
        ALLOWED_HOSTS=["127.0.0.1"],
        USE_TZ=True,
        ROOT_URLCONF=__name__,
        LOGIN_URL="/login/",
        DATABASES={
            "default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
        },
        INSTALLED_APPS=[*(f"django.contrib.{a}" for a in apps), "oauth2_provider"],
        MIDDLEWARE=[
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {
                                "registration/login.html": FORM,
                                "oauth2_provider/authorize.html": FORM,
                            },
                        )
                    ]
                },
            }
        ],
        OAUTH2_PROVIDER={
            "OIDC_ENABLED": True,
            "OIDC_RSA_PRIVATE_KEY": facts["key"],
            "SCOPES": {"openid": "who", "profile": "name", "email": "mail"},
            "OAUTH2_VALIDATOR_CLASS": f"{__name__}.Validator",
        },
    )
    django.setup()


def fill(facts):
    """Make the tables, the person, and the client."""
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from oauth2_provider.models import Application

    call_command("migrate", verbosity=0)
    User.objects.create_user(
        "sam", f"sam@{facts['name']}.example", PASSWORD, first_name=facts["name"], pk=1
    )
    Application.objects.create(
        redirect_uris=facts["callback"],
        client_type="confidential",
        authorization_grant_type="authorization-code",
        algorithm="RS256",
        client_id=facts["client"]["client_id"],
        client_secret=facts["client"]["secret"],
    )


def serve(facts):
    """Answer requests until the process is ended."""
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    from django.contrib.auth.views import LoginView
    from django.core.wsgi import get_wsgi_application
    from django.urls import include, path
    from oauth2_provider.oauth2_validators import OAuth2Validator

    class Claims(OAuth2Validator):
        """Adds to `sub` what a customer's provider tells of its people."""

        def get_additional_claims(self, request):
            user = request.user
            return {
                "email": user.email,
                "email_verified": True,
                "preferred_username": f"{user.username}-of-{user.first_name}",
            }

    class Silent(WSGIRequestHandler):
        def log_message(self, *args):
            pass

    globals()["Validator"] = Claims
    globals()["urlpatterns"] = [
        path("login/", LoginView.as_view()),
        path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    ]
    server = make_server("127.0.0.1", 0, get_wsgi_application(), handler_class=Silent)
    print(server.server_port, flush=True)  # noqa: T201  (what the test waits for)
    server.serve_forever()


if __name__ == "__main__":
    given = json.loads(sys.argv[1])
    configure(given)
    fill(given)
    serve(given)
