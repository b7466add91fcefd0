"""System checks of `UsersMiddleware`; `checks` adds their ids and links."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from tenantry.conf import Problem, conf
from tenantry.context import override_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

USERS = "tenantry.users.middleware.UsersMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
A_PAGE = "tenantry_impersonation_end"


def of_middleware() -> Iterator[Problem]:
    """Yield where people are not watched as they should be."""
    names = conf.middleware
    if USERS not in names:
        if apps.is_installed("tenantry.users") or _serves_pages():
            yield Problem(
                "W099",
                f"MIDDLEWARE does not hold {USERS!r}: nobody can act as a user of a "
                "tenant, and shared staff stay in tenants that they may not enter any "
                "more.",
                "Put it right after AuthenticationMiddleware.",
            )
        return
    if AUTHENTICATION not in names[: names.index(USERS)]:
        yield Problem(
            "E100",
            f"{USERS!r} is not after {AUTHENTICATION!r}: it asks who the user is.",
            "Put it right after AuthenticationMiddleware.",
        )


def _serves_pages() -> bool:
    """Whether some URLconf includes the pages for people."""
    with suppress(ImportError, ImproperlyConfigured), override_tenant(None):
        return any(
            A_PAGE in get_resolver(urlconf).reverse_dict for urlconf in conf.urlconfs
        )
    return False
