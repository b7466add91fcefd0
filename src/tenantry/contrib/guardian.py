"""`django-guardian`: what it remembers is of the tenant that it was asked in.

It keeps a content type by the name of a permission, for the whole process; and what a
user may do by the keys of objects, with the user. In force where `guardian` is
installed, with nothing to configure.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.db import DEFAULT_DB_ALIAS

from tenantry import guards
from tenantry.context import ACTIVE
from tenantry.seams.substitution import wrap

__all__ = ["TypesByPlace", "install"]

NAME = "_get_ct_cached"
MOST = 10_000
OF_CHECKER, OF_USER = "_obj_perms_cache", "_guardian_perms_cache"
PLACE = "_tenantry_place"


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
    """Let guardian remember content types, and permissions, by tenant."""
    from guardian import core, shortcuts  # noqa: PLC0415  (has models)

    kept = getattr(shortcuts, NAME)
    setattr(shortcuts, NAME, TypesByPlace(kept.__wrapped__))
    for name in ("get_perms", "prefetch_perms"):
        wrap(core.ObjectPermissionChecker, name, _here)


def _here(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
    """Ask, without what was remembered in another place.

    A shared user, and a checker made for one, may be asked about in several tenants.
    """
    tenant = ACTIVE.get()
    here = DEFAULT_DB_ALIAS if tenant is None else tenant.label
    for owner in (self, self.user or self.group):
        if getattr(owner, PLACE, here) != here:
            if hasattr(owner, OF_USER):
                delattr(owner, OF_USER)
            if hasattr(owner, OF_CHECKER):
                setattr(owner, OF_CHECKER, {})
        setattr(owner, PLACE, here)  # not in its `__dict__`: it may be a lazy one
    return original(self, *args, **kwargs)
