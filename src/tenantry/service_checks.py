"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from contextlib import suppress
from typing import TYPE_CHECKING

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver

from tenantry.conf import SCOPES, Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()
    yield from _shared_admin()


def _scopes() -> Iterator[Problem]:
    """Find names in SCOPES that mean nothing."""
    for name in conf.scopes:
        if name not in SCOPES:
            near = difflib.get_close_matches(str(name), SCOPES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {SCOPES}."
            yield Problem("E055", f"TENANTRY['SCOPES'] names {name!r}.", hint)


def _shared_admin() -> Iterator[Problem]:
    """Find an admin on the shared site that has no tables there."""
    if not conf.shared_urlconf or not apps.is_installed("django.contrib.admin"):
        return
    with suppress(ImportError, ImproperlyConfigured):  # told by others
        if "admin" in get_resolver(conf.shared_urlconf).app_dict:
            yield from _tables_of_admin()


def _tables_of_admin() -> Iterator[Problem]:
    needed = {"admin", "contenttypes", conf.auth_user_model.partition(".")[0]}
    missing = sorted(label for label in needed if not conf.in_shared(label))
    if missing:
        yield Problem(
            "W079",
            f"The shared site ({conf.shared_urlconf}) serves an admin, and "
            f"{', '.join(missing)} is not in TENANTRY['SHARED_APPS'].",
            "Add it there, or take the admin out of that URLconf.",
        )
