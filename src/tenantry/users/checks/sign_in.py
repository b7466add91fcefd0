"""System checks of the pages of logins; `checks` adds their ids and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured
from django.urls import NoReverseMatch, Resolver404, resolve, reverse

from tenantry.conf import Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator

LOGIN = "tenantry_login"
AUTHORIZE = "tenantry_authorize"


def of_sign_in() -> Iterator[Problem]:
    """Yield what leads nowhere: the login that Django sends to, and the shared site."""
    try:
        served = [each for each in sorted(conf.urlconfs) if has(each, LOGIN)]
    except (ImportError, ImproperlyConfigured):
        return  # an error of its own says so
    for urlconf in served:
        if not has(urlconf, conf.login_url):
            yield Problem(
                "W090",
                f"LOGIN_URL is {conf.login_url!r}, which {urlconf} does not serve: "
                "`login_required` would send people there, and not to the login page.",
                f"Set LOGIN_URL = {LOGIN!r}.",
            )
    shared = conf.shared_urlconf or conf.root_urlconf
    if shared in served and has(shared, AUTHORIZE):
        yield from _of_shared_site(shared)


def _of_shared_site(urlconf: str) -> Iterator[Problem]:
    """Find a shared site on which nobody can log in."""
    users = conf.shared_user_model.partition(".")[0]
    missing = [each for each in (users, "sessions") if not conf.in_shared(each)]
    if missing:
        yield Problem(
            "W091",
            f"The shared site ({urlconf}) serves the pages of 'tenantry.users', and "
            f"has no {' and no '.join(missing)}: nobody can log in there.",
            "Add them to SHARED_APPS, or leave 'tenantry.users.urls_shared' out; for "
            "signing up alone include 'tenantry.users.urls_signup'.",
        )


def has(urlconf: str, target: str) -> bool:
    """Whether the URLconf serves a URL: by its name, its path, or at another host."""
    if "//" in target:
        return True
    try:
        if target.startswith("/"):
            resolve(target, urlconf=urlconf)
        else:
            reverse(target, urlconf=urlconf)
    except (NoReverseMatch, Resolver404):
        return False
    return True
