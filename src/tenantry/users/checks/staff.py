"""System checks of shared users who work in tenants; `checks` adds ids and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps

from tenantry.conf import Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator

BACKEND = "tenantry.users.shared_backend.SharedUserBackend"


def of_staff() -> Iterator[Problem]:
    """Yield where shared users could not sign in, or not enter tenants."""
    if not apps.is_installed("tenantry.users"):
        return
    backends = conf.authentication_backends
    has_two_models = conf.shared_user_model != conf.auth_user_model
    if BACKEND not in backends and conf.in_tenants(conf.auth_user_model.split(".")[0]):
        yield Problem(
            "W097",
            f"AUTHENTICATION_BACKENDS does not hold {BACKEND!r}: tenants have users of "
            "their own, and no shared user can enter them.",
            "Put it first. Where no shared user is to enter a tenant, and all users "
            "are the tenants' own, remove 'tenantry.users' from INSTALLED_APPS.",
        )
    elif has_two_models and backends[0] != BACKEND:
        yield Problem(
            "W098",
            f"{BACKEND!r} is not the first of AUTHENTICATION_BACKENDS: those before it "
            f"look for {conf.auth_user_model} on the shared site, where users are "
            f"{conf.shared_user_model}.",
            "Put it first.",
        )
