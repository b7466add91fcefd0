"""How something of Django's is substituted: registered, then wrapped once."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

SEAMS: list[Callable[[], None]] = []
INSTALLED = "_tenantry_original"


def seam(install: Callable[[], None]) -> Callable[[], None]:
    """Register a function that substitutes something of Django's."""
    SEAMS.append(install)
    return install


def wrap(owner: Any, name: str, around: Callable[..., Any]) -> None:
    """Replace `owner.name` by `around(original, *args, **kwargs)`."""
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    setattr(wrapper, INSTALLED, original)
    setattr(owner, name, wrapper)
