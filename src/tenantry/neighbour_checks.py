"""System checks of what other libraries do with the objects and people of tenants."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections

from tenantry import guards
from tenantry.conf import Problem, conf
from tenantry.context import override_tenant
from tenantry.pointers import is_of_tenants, shared_pointers

if TYPE_CHECKING:
    from collections.abc import Iterator

PROVIDERS = "SOCIALACCOUNT_PROVIDERS"
ROWS_OF_PROVIDERS = "socialaccount"


def of_sign_on() -> Iterator[Problem]:
    """Yield where a tenant names the provider that signs in users of all tenants.

    Who runs the provider signs in as whom they like: as any of the tenant's members,
    whose session and account are the same in their other tenants.
    """
    if not apps.is_installed("allauth.socialaccount"):
        return
    users = conf.auth_user_model.partition(".")[0]
    for kind in conf.kinds:
        sides = guards.sides[kind]
        own = sides[ROWS_OF_PROVIDERS].tenants or PROVIDERS in conf.declared_settings
        if own and sides[users].shared and not sides[users].tenants:
            yield Problem(
                "E103",
                f"Tenants of kind {kind!r} may name a provider of single sign-on, and "
                "their users are shared: who runs one tenant's provider could sign in "
                "as its members, who are the same people in other tenants.",
                f"Put {ROWS_OF_PROVIDERS!r} in SHARED_APPS only and take {PROVIDERS} "
                "out of TENANTRY['SETTINGS']; or let tenants have users of their own.",
            )


def of_pointers() -> Iterator[Problem]:
    """Yield the shared rows that would be of objects of all tenants; asks for them.

    None can be written; some may be there from before the project had tenants.
    """
    with override_tenant(None):
        connection = connections[DEFAULT_DB_ALIAS]
        with connection.cursor() as cursor:
            tables = set(connection.introspection.table_names(cursor))
        for model, name in shared_pointers():
            if model._meta.db_table not in tables:
                continue
            labels = model._base_manager.values_list(
                f"{name}__app_label", f"{name}__model"
            )
            for (app, target), number in sorted(Counter(labels).items()):
                if app is not None and is_of_tenants(app):
                    yield Problem(
                        "W102",
                        f"{number} rows of {model._meta.label}, which is shared, point "
                        f"at {app}.{target}, which each tenant has its own of: in a "
                        "tenant they are read as of its objects of the same keys.",
                        f"Delete them, or put {model._meta.app_label!r} in "
                        "TENANT_APPS only.",
                    )
