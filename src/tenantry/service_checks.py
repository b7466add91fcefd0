"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tenantry.conf import SCOPES, Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator

DJANGO_CACHED = "django.template.loaders.cached.Loader"
TENANTS_LOADERS = ("tenantry.scopes.templates.",)


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()
    yield from _templates()


def _scopes() -> Iterator[Problem]:
    """Find names in SCOPES that mean nothing."""
    for name in conf.scopes:
        if name not in SCOPES:
            near = difflib.get_close_matches(str(name), SCOPES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {SCOPES}."
            yield Problem("E055", f"TENANTRY['SCOPES'] names {name!r}.", hint)


def _templates() -> Iterator[Problem]:
    """Find Django's cache around loaders that know the tenant."""
    for engine in conf.templates:
        for loader in engine.get("OPTIONS", {}).get("loaders") or ():
            if isinstance(loader, str) or loader[0] != DJANGO_CACHED:
                continue
            for each in loader[1]:
                name = each if isinstance(each, str) else each[0]
                if name.startswith(TENANTS_LOADERS):
                    yield Problem(
                        "E069",
                        f"TEMPLATES has {name!r} within Django's cached Loader, which "
                        "shows the templates of one tenant to another.",
                        "Use 'tenantry.scopes.templates.CachedLoader' in its place.",
                    )
