"""How something of Django's is substituted: registered, then wrapped once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SEAMS: list[Callable[[], None]] = []
# The scope that a seam is a part of, by the seam's name; the others are always there.
SCOPE_OF: dict[str, str] = {}
INSTALLED = "_tenantry_original"


def seam(install: Callable[[], None]) -> Callable[[], None]:
    """Register a function that substitutes something of Django's."""
    SEAMS.append(install)
    return install


def seam_of(scope: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a seam that is there where `TENANTRY["SCOPES"]` names the scope."""

    def register(install: Callable[[], None]) -> Callable[[], None]:
        SCOPE_OF[install.__name__] = scope
        return seam(install)

    return register


def wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace `owner.name` by `around(original, *args, **kwargs)`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(wrapper, INSTALLED, original)
    setattr(owner, name, wrapper)
