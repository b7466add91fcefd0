"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from tenantry.conf import SCOPES, Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()


def _scopes() -> Iterator[Problem]:
    """Find names in SCOPES that mean nothing."""
    for name in conf.scopes:
        if name not in SCOPES:
            near = difflib.get_close_matches(str(name), SCOPES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {SCOPES}."
            yield Problem("E055", f"TENANTRY['SCOPES'] names {name!r}.", hint)
