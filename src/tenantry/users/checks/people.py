"""The system check of tenants' own users; `checks` adds its id and link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.apps import apps

from tenantry.conf import Problem, conf
from tenantry.users.accounts import has_field

if TYPE_CHECKING:
    from collections.abc import Iterator

NEEDED = {
    "groups": "its users can have no roles, which are groups",
    "is_active": "nobody's access can be taken away",
}


def of_people() -> Iterator[Problem]:
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
