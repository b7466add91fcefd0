"""System checks of signing up; `checks` adds their ids and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured

from tenantry import guards
from tenantry.conf import Problem, conf
from tenantry.kinds import DEFAULT_KIND
from tenantry.routing.chain import chain
from tenantry.routing.resolvers import DomainResolver, Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

MADE = (None, "account", "tenant")
BY_ROWS = (Resolver.address, DomainResolver.address)


def of_signup() -> Iterator[Problem]:
    """Yield what is wrong with SIGNUP, and what who signs up would not get."""
    if conf.signup not in MADE:
        yield Problem(
            "E095",
            f"TENANTRY['SIGNUP'] is {conf.signup!r}.",
            "It is 'account', 'tenant', or not set.",
        )
        return
    if conf.signup != "tenant":
        return
    label = conf.auth_user_model.partition(".")[0]
    own = guards.sides[DEFAULT_KIND][label].tenants
    if not own and not apps.is_installed("tenantry.users"):
        yield Problem(
            "E095",
            "TENANTRY['SIGNUP'] is 'tenant', and users, who are shared, can own none.",
            "Add 'tenantry.users' to INSTALLED_APPS.",
        )
    try:
        given = [type(resolver).address for resolver in chain()]
    except (ImproperlyConfigured, TypeError):
        return  # E019 says so
    if all(address in BY_ROWS for address in given):
        yield Problem(
            "W096",
            "TENANTRY['SIGNUP'] is 'tenant', and no resolver leads to a new tenant by "
            "its slug: who signs up gets a tenant without an address.",
            "Add SubdomainResolver or PathResolver to RESOLVERS, or give `SignupView` "
            "a `tenant_form_class` whose `domains()` returns hosts.",
        )
