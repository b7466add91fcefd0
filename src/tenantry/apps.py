"""Connects tenantry to Django when the project's apps are ready."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

from django.apps import AppConfig, apps
from django.core import checks as django_checks
from django.db.models.signals import post_delete, post_save, pre_delete

# The app by which each is told to be in use, and its module.
NEIGHBOURS = {
    "allauth": ("allauth.headless", "allauth"),
    "guardian": ("guardian", "guardian"),
    "oauth2_provider": ("oauth2_provider", "oauth2_provider"),
    "simplejwt": ("rest_framework", "rest_framework_simplejwt"),
}


class TenantryConfig(AppConfig):
    """The `tenantry` entry of INSTALLED_APPS."""

    name = "tenantry"
    verbose_name = "Tenantry"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Substitute the seams, listen for changes of the catalog, add the checks."""
        from tenantry import checks, conf, connections, seams  # noqa: PLC0415
        from tenantry.catalog.registry import registry  # noqa: PLC0415  (has models)
        from tenantry.context import Hooks  # noqa: PLC0415
        from tenantry.scopes.cache import forget_dropped  # noqa: PLC0415
        from tenantry.signals import tenant_dropped  # noqa: PLC0415
        from tenantry.users import pending, sign_ins  # noqa: PLC0415  (has models)

        conf.connect()
        import_module("tenantry.users.recording")  # it has a seam
        seams.install()
        Hooks.find_by_key = registry.ref
        Hooks.before_activation = connections.refuse_in_transaction
        _watch_catalog(conf.conf)
        _install_neighbours()
        _keep_owners(conf.conf)
        pending.connect()
        tenant_dropped.connect(forget_dropped, dispatch_uid="tenantry.cache")
        sign_ins.connect()
        django_checks.register(checks.check_settings)
        django_checks.register(checks.check_models, django_checks.Tags.models)
        django_checks.register(checks.check_databases, django_checks.Tags.database)
        django_checks.register(checks.check_catalog, django_checks.Tags.database)


def _install_neighbours() -> None:
    """Substitute what tenants need of other libraries, of those that are installed.

    SimpleJWT is used without being named in INSTALLED_APPS.
    """
    for name, (app, library) in NEIGHBOURS.items():
        if apps.is_installed(app) and find_spec(library) is not None:
            import_module(f"tenantry.contrib.{name}").install()


def _watch_catalog(conf: Any) -> None:
    """Notice every change of a tenant or a domain."""
    from tenantry.models import refuse_plain_delete  # noqa: PLC0415  (has models)

    for name in (conf.tenant_model, conf.domain_model):
        model = _model(name)
        if model is not None:
            post_save.connect(_changed, sender=model, dispatch_uid="tenantry.saved")
            post_delete.connect(_changed, sender=model, dispatch_uid="tenantry.deleted")
            if name == conf.tenant_model:
                pre_delete.connect(
                    refuse_plain_delete, sender=model, dispatch_uid="tenantry.delete"
                )


def _keep_owners(conf: Any) -> None:
    """Refuse to delete the own user who owns a tenant; forget people with it."""
    from tenantry.users import invitations, owners  # noqa: PLC0415  (has models)

    user, tenant = _model(conf.auth_user_model), _model(conf.tenant_model)
    if user is not None and conf.in_tenants(user._meta.app_label):
        pre_delete.connect(
            owners.keep_owner, sender=user, dispatch_uid="tenantry.owner"
        )
    if tenant is not None:
        post_delete.connect(
            owners.forget_owner, sender=tenant, dispatch_uid="tenantry.forget_owner"
        )
        post_delete.connect(
            invitations.forget_invited,
            sender=tenant,
            dispatch_uid="tenantry.forget_invited",
        )


def _model(name: str | None) -> Any:
    """Return the model of that name; None where there is none: the checks say so."""
    try:
        return apps.get_model(name) if name else None
    except (LookupError, ValueError):
        return None


def _changed(**_: object) -> None:
    """Tell every process; once more here when the change is committed."""
    from django.db import transaction  # noqa: PLC0415  (its connections are now ours)

    from tenantry.catalog.registry import registry  # noqa: PLC0415  (has models)
    from tenantry.context import override_tenant  # noqa: PLC0415

    registry.changed()
    with override_tenant(None):
        transaction.on_commit(registry.clear)
