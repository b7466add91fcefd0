"""A project with the apps of others that sign people in, unmodified."""

import json
import os

from tests.settings.base import *  # noqa: F403  (settings)
from tests.settings.base import INSTALLED_APPS, MIDDLEWARE

ROOT_URLCONF = "tests.users.apps.urls"
# The labels of the apps with tables, and the modules by which they are installed.
NEIGHBOURS = {
    "account": "allauth.account",
    "socialaccount": "allauth.socialaccount",
    "mfa": "allauth.mfa",
    "authtoken": "rest_framework.authtoken",
    "token_blacklist": "rest_framework_simplejwt.token_blacklist",
    "guardian": "guardian",
    "oauth2_provider": "oauth2_provider",
}
INSTALLED_APPS = [
    *INSTALLED_APPS,
    "django.contrib.humanize",
    "allauth",
    "allauth.headless",
    "allauth.socialaccount.providers.openid_connect",
    "allauth.socialaccount.providers.saml",
    "rest_framework",
    *NEIGHBOURS.values(),
]
MIDDLEWARE = [*MIDDLEWARE, "allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = [
    "django.contrib.auth.backends.ModelBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
    "guardian.backends.ObjectPermissionBackend",
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "allauth.headless.contrib.rest_framework.authentication.JWTTokenAuthentication",
        "oauth2_provider.contrib.rest_framework.OAuth2Authentication",
        "rest_framework.authentication.TokenAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
}
# All three ask for "Bearer" unless they are told otherwise.
SIMPLE_JWT = {"AUTH_HEADER_TYPES": ["JWT"], "SIGNING_KEY": "a key of the project's own"}
OAUTH2_PROVIDER = {
    "SCOPES": {"openid": "who you are", "read": "what is yours", "introspection": "x"},
    "PKCE_REQUIRED": False,
    "OIDC_ENABLED": True,
    "COMPLIANT_BCP_RFC9700_TOKEN_STORAGE": False,
}
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_LOGIN_METHODS = {"username"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "username*", "password1*"]
ACCOUNT_LOGIN_BY_CODE_ENABLED = True
ACCOUNT_RATE_LIMITS = False
ACCOUNT_DEFAULT_HTTP_PROTOCOL = "http"
SOCIALACCOUNT_STORE_TOKENS = False
MFA_TRUST_ENABLED = True
HEADLESS_CLIENTS = ["app"]
HEADLESS_TOKEN_STRATEGY = "allauth.headless.tokens.strategies.jwt.JWTTokenStrategy"
HEADLESS_JWT_AUTHORIZATION_HEADER_SCHEME = "Headless"
LOGIN_REDIRECT_URL = "/whoami/"

globals().update(json.loads(os.environ["TENANTRY_TEST_PROJECT"]))
INSTALLED_APPS += globals().get("MORE_APPS", [])
# One key for all tenants.
HEADLESS_JWT_PRIVATE_KEY = globals().get("RSA_KEY", "")
OAUTH2_PROVIDER["OIDC_RSA_PRIVATE_KEY"] = HEADLESS_JWT_PRIVATE_KEY
