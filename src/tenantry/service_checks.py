"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tenantry.conf import SCOPES, Problem, conf
from tenantry.scopes.cache import TenantCache, knows_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

SHARED_CACHE = "shared"  # an alias of that name says so
TENANT_CACHE = f"{TenantCache.__module__}.{TenantCache.__qualname__}"
DUMMY = "django.core.cache.backends.dummy.DummyCache"


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()
    yield from _caches()
    yield from _sessions()


def _scopes() -> Iterator[Problem]:
    """Find names in SCOPES that mean nothing."""
    for name in conf.scopes:
        if name not in SCOPES:
            near = difflib.get_close_matches(str(name), SCOPES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {SCOPES}."
            yield Problem("E055", f"TENANTRY['SCOPES'] names {name!r}.", hint)


def _caches() -> Iterator[Problem]:
    """Find caches in which tenants would read each other's values."""
    for alias, settings in conf.caches.items() if conf.chose_caches else ():
        backend = settings.get("BACKEND")
        if backend == TENANT_CACHE and not settings.get("OPTIONS", {}).get("BACKEND"):
            yield Problem(
                "E057",
                f"CACHES[{alias!r}] is a TenantCache around nothing.",
                "Name the backend that keeps the values in its OPTIONS['BACKEND'].",
            )
        elif alias != SHARED_CACHE and backend != DUMMY and not knows_tenant(settings):
            yield Problem(
                "W056",
                f"CACHES[{alias!r}] does not know the tenant: what one tenant puts "
                "into it, another reads.",
                f"Let {TENANT_CACHE} be its BACKEND, with {backend} in its OPTIONS; or "
                f"name the alias {SHARED_CACHE!r} where that is what you want.",
            )


def _sessions() -> Iterator[Problem]:
    """Find a cookie that holds one session for the hosts of several tenants."""
    if conf.has_scope("sessions") and conf.session_cookie_domain:
        yield Problem(
            "W058",
            f"SESSION_COOKIE_DOMAIN is {conf.session_cookie_domain!r}: tenants below "
            "it share one cookie, and each one's session ends the other's.",
            "Leave it unset, so that each host has its own cookie; hand logins over "
            "by `tenantry.scopes.handover`.",
        )
