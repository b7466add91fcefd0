"""Where people are: settings of the suites of `tests/users`, on each engine."""

import django

from tests.settings import base

AUTH = ["contenttypes", "auth", "sessions"]
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
USERS = "tenantry.users.middleware.UsersMiddleware"
LISTS = {
    # arrangement: the apps of people in SHARED_APPS, and in TENANT_APPS
    "members": (AUTH, []),
    "confined": ([], AUTH),
    "both": (AUTH, AUTH),
    "two_models": ([*AUTH, "staff", "admin"], AUTH),
}


def arranged(found, arrangement):
    """Return the settings of an engine, changed for the arrangement."""
    shared, own = LISTS[arrangement]
    settings = {name: value for name, value in found.items() if name.isupper()}
    users = [] if arrangement == "confined" else ["tenantry.users"]
    # The shared site's admin has a log where there is anybody to be named in it.
    log = ["admin"] if shared else []
    settings["ARRANGEMENT"] = arrangement
    settings["INSTALLED_APPS"] = [*settings["INSTALLED_APPS"], *users]
    settings["MIDDLEWARE"] = [
        each
        for name in settings.get("MIDDLEWARE", base.MIDDLEWARE)
        for each in ((name, USERS) if name == AUTHENTICATION else (name,))
    ]
    settings["ROOT_URLCONF"] = "tests.users.urls"
    settings["LOGIN_URL"] = "tenantry_login"
    settings["TENANTRY"] = {
        **settings["TENANTRY"],
        "SHARED_APPS": ["customers", "geo", *shared, *log],
        "TENANT_APPS": [*own, "admin", "shop"],
        "SHARED_URLCONF": "tests.users.urls_shared",
    }
    if arrangement == "two_models":
        settings["INSTALLED_APPS"] = [*settings["INSTALLED_APPS"], "tests.staff"]
        settings["TENANTRY"]["SHARED_USER_MODEL"] = "staff.Staff"
    if arrangement in ("both", "two_models"):
        settings["AUTHENTICATION_BACKENDS"] = [
            "tenantry.users.shared_backend.SharedUserBackend",
            "django.contrib.auth.backends.ModelBackend",
        ]
    if django.VERSION >= (6, 1):  # without it, sending a mail is deprecated there
        backend = "django.core.mail.backends.locmem.EmailBackend"
        settings["MAILERS"] = {"default": {"BACKEND": backend}}
    return settings
