"""System checks of roles, and of where shared users are members."""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING, Any

from django.apps import apps

from tenantry import guards
from tenantry.conf import Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "tenantry.users"
KINDS_OF: dict[str, tuple[Any, str]] = {
    "STAFF": (bool, "True or False"),
    "SUPERUSER": (bool, "True or False"),
    "MANAGES": (bool, "True or False"),
    "PERMISSIONS": ((list, tuple), "a list"),
    "GROUPS": ((list, tuple), "a list"),
}
PERMISSION = re.compile(r"(?P<app>[A-Za-z_]\w*)\.(\*|[^\s.*]+\*?)\Z")


def of_members() -> Iterator[Problem]:
    """Yield what is wrong with ROLES, and with the place of shared users."""
    for name, given in conf.roles.items():
        yield from _of_role(name, given)
    yield from _of_user_model()


def _of_role(name: Any, given: Any) -> Iterator[Problem]:
    where = f"TENANTRY['ROLES'][{name!r}]"
    if not isinstance(name, str) or not name or not isinstance(given, dict):
        yield Problem(
            "E082",
            f"{where} is {given!r}: a role is a name with a dict of what it gives.",
            f"A dict may have: {', '.join(KINDS_OF)}.",
        )
        return
    for key, value in given.items():
        if key not in KINDS_OF:
            near = difflib.get_close_matches(str(key), KINDS_OF, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"{', '.join(KINDS_OF)}."
            yield Problem("E082", f"{where} has an unknown key {key!r}.", hint)
        elif not isinstance(value, KINDS_OF[key][0]):
            yield Problem(
                "E082",
                f"{where}[{key!r}] is {value!r}, and takes {KINDS_OF[key][1]}.",
                "Correct it.",
            )
        elif key in ("PERMISSIONS", "GROUPS"):
            yield from _of_names(f"{where}[{key!r}]", key, value)


def _of_names(where: str, key: str, names: Any) -> Iterator[Problem]:
    labels = {config.label for config in apps.get_app_configs()}
    for name in names:
        if not isinstance(name, str) or not name:
            yield Problem("E082", f"{where} has {name!r}, no name.", "Remove it.")
            continue
        if key == "GROUPS":
            continue
        parts = PERMISSION.match(name)
        if parts is None:
            yield Problem(
                "E082",
                f"{where} has {name!r}, which is no permission.",
                "Write 'app_label.codename', 'app_label.view_*' or 'app_label.*'.",
            )
        elif parts["app"] not in labels:
            near = difflib.get_close_matches(parts["app"], labels, n=1)
            yield Problem(
                "W086",
                f"{where} has {name!r}, and no app has the label {parts['app']!r}: it "
                "gives nothing.",
                f"Did you mean {near[0]!r}?" if near else "Labels, not module paths.",
            )


def _of_user_model() -> Iterator[Problem]:
    label, _, name = conf.shared_user_model.partition(".")
    if conf.raw["SHARED_USER_MODEL"] and not _is_there(label, name):
        yield Problem(
            "E084",
            f"TENANTRY['SHARED_USER_MODEL'] is {conf.shared_user_model!r}, which is no "
            "installed model.",
            "Write it as 'app_label.Model'.",
        )
    elif apps.is_installed(APP) and not conf.in_shared(label):
        yield Problem(
            "E083",
            f"{APP!r} is in INSTALLED_APPS, and the app {label!r} of "
            f"{conf.shared_user_model} is not in SHARED_APPS: there are no shared "
            "users who could be members.",
            f"Add {label!r} to SHARED_APPS; or take {APP!r} out of INSTALLED_APPS, as "
            "each tenant has users of its own; or name the model of shared users in "
            "SHARED_USER_MODEL.",
        )
    elif not apps.is_installed(APP) and _is_in_no_tenant(label):
        yield Problem(
            "W085",
            f"{conf.shared_user_model} is shared, and {APP!r} is not in "
            "INSTALLED_APPS: every user may sign in to every tenant, and staff and "
            "superusers are so in all of them.",
            f"Add {APP!r} to INSTALLED_APPS, so that users are members of tenants.",
        )


def _is_there(label: str, name: str) -> bool:
    try:
        return apps.get_model(label, name) is not None
    except (LookupError, ValueError):
        return False


def _is_in_no_tenant(label: str) -> bool:
    """Whether tenants of some kind have no users of their own, but shared ones."""
    kinds = (guards.sides[kind][label] for kind in conf.kinds)
    return apps.is_installed("django.contrib.auth") and any(
        side.shared and not side.tenants for side in kinds
    )
