"""`django-guardian`: the content types that it remembers are those of the tenant.

It keeps a content type by the name of a permission, for the whole process. In force
where `guardian` is installed, with nothing to configure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from tenantry import guards

__all__ = ["TypesByPlace", "install"]

NAME = "_get_ct_cached"
MOST = 10_000


class TypesByPlace:
    """In place of a function that `lru_cache` keeps: one more key, whose rows it is."""

    def __init__(self, find: Any) -> None:
        @lru_cache(maxsize=MOST)
        def found(_owner: str, app_label: str, codename: str) -> Any:
            return find(app_label, codename)

        self._found = found
        self.cache_clear = found.cache_clear

    def __call__(self, app_label: str, codename: str) -> Any:
        """Return the content type of a permission, of the active tenant's."""
        from django.contrib.contenttypes.models import ContentType  # noqa: PLC0415

        return self._found(guards.owner_now(ContentType), app_label, codename)


def install() -> None:
    """Let guardian remember content types by tenant."""
    from guardian import shortcuts  # noqa: PLC0415  (has models)

    kept = getattr(shortcuts, NAME)
    setattr(shortcuts, NAME, TypesByPlace(kept.__wrapped__))
