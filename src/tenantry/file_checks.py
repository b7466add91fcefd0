"""System checks of uploaded and static files: whose folder they would be in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import default_storage, storages
from django.db.models import FileField

from tenantry.conf import Problem, conf
from tenantry.scopes.storage import TenantStorage
from tenantry.scopes.storage.contents import storage_knows_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE_SYSTEM = "django.core.files.storage.FileSystemStorage"
FINDER = "tenantry.scopes.static.TenantFinder"


def of_files() -> Iterator[Problem]:
    """Check the storages of files; fields only where storages can be made."""
    wrong = list(_tenant_storages())
    yield from wrong or (*_default_storage(), *_files_of_shared_models())
    yield from _tenant_finder()


def _knows_tenant(alias: str) -> bool:
    """Whether the storage of that alias knows the tenant, as far as can be seen."""
    try:
        return storage_knows_tenant(conf.storages[alias]["BACKEND"])
    except (ImportError, KeyError):
        return False  # Django tells it where the storage is used


def _tenant_storages() -> Iterator[Problem]:
    """Find storages of ours whose options are wrong."""
    for alias, given in conf.storages.items():
        if not _knows_tenant(alias):
            continue
        try:
            storages.create_storage(given)
        except (ImportError, ImproperlyConfigured, TypeError) as error:
            yield Problem(
                "E061",
                f"STORAGES[{alias!r}]: {error}",
                "Options of the storage within stand in OPTIONS['OPTIONS']. The how-to "
                "of files shows it.",
            )


def _default_storage() -> Iterator[Problem]:
    """Find a default storage that is used, and keeps all tenants' files together."""
    if _knows_tenant("default"):
        return
    in_use = bool(conf.media_root) or any(
        field.storage is default_storage
        and conf.in_tenants(field.model._meta.app_label)
        for field in _file_fields()
    )
    backend = conf.storages.get("default", {}).get("BACKEND")
    if in_use or backend != FILE_SYSTEM:
        yield Problem(
            "W060",
            f"STORAGES['default'] is {backend!r}, which does not know the tenant: all "
            "tenants' files lie together, under names that anybody may guess.",
            "Put tenantry.scopes.storage.TenantStorage around it.",
        )


def _files_of_shared_models() -> Iterator[Problem]:
    """Find shared rows whose files' URLs would lead to a tenant's files."""
    for field in _file_fields():
        label = field.model._meta.app_label
        if (
            conf.in_shared(label)
            and not conf.in_tenants(label)
            and _is_by_tenant(field)
        ):
            yield Problem(
                "W062",
                f"{field} is of a shared model and its storage is by tenant: the URL "
                "of such a file may lead to a tenant's own of the same name.",
                "Give it a storage of its own: storage=lambda: storages['shared'].",
            )


def _is_by_tenant(field: Any) -> bool:
    if field.storage is default_storage:
        return _knows_tenant("default")
    return isinstance(field.storage, TenantStorage)


def _file_fields() -> Iterator[Any]:
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            if isinstance(field, FileField):
                yield field


def _tenant_finder() -> Iterator[Problem]:
    """Find the finder of tenants' static files without a place to look in."""
    if FINDER in conf.staticfiles_finders and not conf.static_dir:
        yield Problem(
            "E063",
            f"STATICFILES_FINDERS holds {FINDER!r}, and TENANTRY['STATIC_DIR'] is not "
            "set.",
            "Name the folder with a folder for each tenant.",
        )
