"""Signing out everywhere: all sessions of a user end at once, in whatever store."""

from __future__ import annotations

from typing import Any

from tenantry import guards
from tenantry.catalog import sign_outs
from tenantry.catalog.audit import SHARED_USER, record
from tenantry.context import override_tenant
from tenantry.exceptions import NotSupported

__all__ = ["sign_out_everywhere"]


def sign_out_everywhere(user: Any) -> None:
    """End all sessions of the user, at once.

    Of a tenant's own in that tenant, which is active; of a shared user on the shared
    site and in every tenant.

    Raises `WrongTenant` for a user of another tenant, and `NotSupported` where
    sign-outs are not counted, as neither `tenantry.users` is installed nor its pages
    are served.
    """
    guards.require_object(user)
    if not sign_outs.are_counted():
        msg = (
            "Sign-outs are not counted in this project, so that no query is spent on "
            "it. Add 'tenantry.users' to INSTALLED_APPS, or include "
            "'tenantry.users.urls' in the URLconf of the tenants."
        )
        raise NotSupported(msg)
    shared = getattr(user, SHARED_USER, None)
    if shared is not None:
        with override_tenant(None):
            sign_outs.count(shared)
    sign_outs.count(user)
    record("user.signed_out", actor=user, target=user, everywhere=True)
