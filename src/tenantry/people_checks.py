"""System checks of roles and of tenants' own users; `checks` adds ids and links."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from django.apps import apps

from tenantry.conf import Problem, conf
from tenantry.users.accounts import has_field

if TYPE_CHECKING:
    from collections.abc import Iterator

FLAGS = ("STAFF", "SUPERUSER", "MANAGES")
LISTS = ("PERMISSIONS", "GROUPS")
NEEDED = {
    "groups": "its users can have no roles, which are groups",
    "is_active": "nobody's access can be taken away",
}


def of_people() -> Iterator[Problem]:
    """Yield what is wrong with ROLES, and with the model of tenants' own users."""
    for name, given in conf.roles.items():
        if isinstance(given, dict):
            yield from _of_role(name, given)
        else:
            yield _mistake(name, f"is {given!r}, not a dict", "Nothing given is {}.")
    yield from _of_user_model()


def _of_role(name: str, given: dict[str, Any]) -> Iterator[Problem]:
    for key, value in given.items():
        if key not in (*FLAGS, *LISTS):
            near = difflib.get_close_matches(str(key).upper(), (*FLAGS, *LISTS), n=1)
            known = ", ".join((*FLAGS, *LISTS))
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {known}."
            yield _mistake(name, f"has {key!r}, which no role has", hint)
        elif key in LISTS and not isinstance(value, list | tuple):
            yield _mistake(name, f"has {key} {value!r}", "It takes a list of names.")
        elif key in FLAGS and not isinstance(value, bool):
            yield _mistake(name, f"has {key} {value!r}", "It takes True or False.")


def _mistake(name: str, what: str, hint: str) -> Problem:
    return Problem("W089", f"TENANTRY['ROLES'][{name!r}] {what}.", hint)


def _of_user_model() -> Iterator[Problem]:
    """Yield what a tenant's own users lack, so that they cannot be managed."""
    try:
        model = apps.get_model(conf.auth_user_model)
    except (LookupError, ValueError):
        return  # Django's own check says so
    if not conf.in_tenants(model._meta.app_label):
        return
    for field, reason in NEEDED.items():
        if not has_field(model, field):
            yield Problem(
                "W088",
                f"{model._meta.label} belongs to tenants and has no {field!r}: {reason}"
                ".",
                "Derive it from PermissionsMixin, and give it `is_active = "
                "BooleanField(default=True)`; or do not use `people_of`.",
            )
