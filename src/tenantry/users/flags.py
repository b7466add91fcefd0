"""`is_active`, `is_staff`, `is_superuser` of shared users, answered for the tenant.

With a tenant active they are what the membership says. What is stored of the user is
the same for all tenants: it is what is saved, shown by forms and written to fixtures,
and no tenant changes it.
"""

from __future__ import annotations

import inspect
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from django.db.models.query_utils import DeferredAttribute

from tenantry.exceptions import NotSupported
from tenantry.users import lookup

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.models import Field, Model

    from tenantry.users.lookup import Standing

CHANGES = "_tenantry_changes"
MISSING = object()
_STORED: ContextVar[bool] = ContextVar("tenantry_users_stored", default=False)
ANSWERS: dict[str, Callable[[Standing], bool]] = {
    "is_active": lambda standing: standing.admitted,
    "is_staff": lambda standing: standing.staff,
    "is_superuser": lambda standing: standing.superuser,
}
# Where Django remembers a user's permissions, on the user.
CACHES = ("_perm_cache", "_user_perm_cache", "_group_perm_cache")


class Change(NamedTuple):
    """What was loaded, of a value that was set since; and whether in a tenant."""

    loaded: Any
    in_tenant: bool


@contextmanager
def as_stored() -> Iterator[None]:
    """Let the attributes be what is stored, within the block."""
    token = _STORED.set(True)
    try:
        yield
    finally:
        _STORED.reset(token)


def is_as_stored() -> bool:
    """Whether the attributes are what is stored just now."""
    return _STORED.get()


class Flag:
    """An attribute that is no column: one of the class, or none at all."""

    def __init__(self, name: str, original: Any) -> None:
        self.name = name
        self.original = original

    def __get__(self, user: Any, owner: type[Any]) -> Any:
        if user is None:
            return self.of_class(owner)
        standing = None if _STORED.get() else lookup.standing(user)
        if standing is None:
            return self.stored(user)
        return self.answer(user, standing)

    def __set__(self, user: Any, value: Any) -> None:
        user.__dict__[self.name] = value

    def __delete__(self, user: Any) -> None:
        try:
            del user.__dict__[self.name]
        except KeyError:
            raise AttributeError(self.name) from None

    def answer(self, user: Any, standing: Standing) -> bool:
        """Return what the membership says; who is blocked everywhere, is here too."""
        allowed = ANSWERS[self.name](standing)
        if allowed and self.name == "is_active":
            return bool(self.stored(user))
        return allowed

    def of_class(self, _: type[Any]) -> Any:
        """Return what the class has, as without us."""
        if self.original is MISSING:
            raise AttributeError(self.name)
        return self.original

    def stored(self, user: Any) -> Any:
        """Return what the object itself says."""
        if self.name in user.__dict__:
            return user.__dict__[self.name]
        return self.of_class(type(user))


class ColumnFlag(Flag):
    """An attribute that is a column of the user's table."""

    def __set__(self, user: Any, value: Any) -> None:
        data = user.__dict__
        known = data.get(self.name, value)
        if known != value and not _STORED.get() and not user._state.adding:
            standing = lookup.recalled(user)
            if standing is not None and value == self.answer(user, standing):
                return  # it was read from the object, and is not what is stored
            note_change(user, self.name, known)
        data[self.name] = value

    def of_class(self, owner: type[Any]) -> Any:
        """Return Django's own descriptor."""
        return self.original.__get__(None, owner)

    def stored(self, user: Any) -> Any:
        """Return the value of the column; ask for one that was deferred."""
        data = user.__dict__
        if self.name in data:
            return data[self.name]
        with as_stored():
            return self.original.__get__(user, type(user))


class PropertyFlag(Flag, property):  # type: ignore[misc]
    """An attribute that is a property: Django lets models be made with those."""

    def __init__(self, name: str, original: property) -> None:
        property.__init__(self, original.fget, original.fset, original.fdel)
        Flag.__init__(self, name, original)

    def __set__(self, user: Any, value: Any) -> None:
        self.original.__set__(user, value)

    def __delete__(self, user: Any) -> None:
        self.original.__delete__(user)

    def stored(self, user: Any) -> Any:
        """Return what the property says, computed from what is stored."""
        with as_stored():
            return self.original.__get__(user, type(user))


class Cache:
    """Where Django remembers permissions on the user: by tenant, while one is active.

    The same object may be asked in one tenant after another.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def _memory(self, user: Any) -> tuple[dict[Any, Any], Any]:
        place = lookup.place_now(user)
        if place is None:
            return user.__dict__, self.name
        return lookup.memory_of(user, place, self.name)

    def __get__(self, user: Any, owner: type[Any]) -> Any:
        if user is None:
            raise AttributeError(self.name)
        memory, key = self._memory(user)
        try:
            return memory[key]
        except KeyError:
            raise AttributeError(self.name) from None

    def __set__(self, user: Any, value: Any) -> None:
        memory, key = self._memory(user)
        memory[key] = value

    def __delete__(self, user: Any) -> None:
        memory, key = self._memory(user)
        if memory.pop(key, MISSING) is MISSING:
            raise AttributeError(self.name)


def flag_of(model: type[Model], name: str) -> Flag:
    """Return what answers for the attribute, by what the model has there."""
    original = inspect.getattr_static(model, name, MISSING)
    if isinstance(original, DeferredAttribute):
        return ColumnFlag(name, original)
    if isinstance(original, property):
        return PropertyFlag(name, original)
    return Flag(name, original)


def columns_of(model: type[Model]) -> list[Field[Any, Any]]:
    """Return the fields that hold what is stored."""
    return [field for field in model._meta.concrete_fields if field.attname in ANSWERS]


def note_change(user: Any, name: str, loaded: Any) -> None:
    """Remember what was loaded before the value was set."""
    changes = user.__dict__.setdefault(CHANGES, {})
    before = changes.get(name, Change(loaded, in_tenant=False))
    in_tenant = before.in_tenant or lookup.tenant_of(user) is not None
    changes[name] = Change(before.loaded, in_tenant)


def changed_in_tenant(user: Any, fields: Any = None) -> list[str]:
    """Return the columns, of those named, that saving would change for a tenant.

    Those set in a tenant count wherever the object is saved. A new row changes none.
    """
    if user._state.adding:
        return []
    in_tenant = lookup.tenant_of(user) is not None
    return [
        name
        for name, change in user.__dict__.get(CHANGES, {}).items()
        if user.__dict__.get(name, change.loaded) != change.loaded
        and (in_tenant or change.in_tenant)
        and (fields is None or name in fields)
    ]


def forget_changes(user: Any, fields: Any = None) -> None:
    """Take the columns, of those named, for what is in the database."""
    changes = user.__dict__.get(CHANGES, {})
    for name in list(changes):
        if fields is None or name in fields:
            del changes[name]


def refusal(names: list[str]) -> NotSupported:
    """Return the error for a tenant that would change what is stored of users."""
    return NotSupported(
        f"{', '.join(names)} of a shared user cannot be changed in a tenant: it is the "
        "same in all of them. What a member may do here is in the roles: `manage.py "
        "tenants grant`, `revoke`. To change the account itself: "
        "`with override_tenant(None): ...`, and set it on a user fetched there."
    )
