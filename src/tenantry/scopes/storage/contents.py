"""All the files of one tenant, counted or removed, in every storage that knows it."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from django.core.files.storage import (
    FileSystemStorage,
    InvalidStorageError,
    storages,
)
from django.utils.module_loading import import_string

from tenantry.conf import conf
from tenantry.context import as_ref, override_tenant
from tenantry.scopes.storage.wrapper import TenantStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tenantry.types import HasRef, TenantRef

SOME = 1000


@dataclass(frozen=True, slots=True)
class Usage:
    """How many files there are, and how large they are together."""

    files: int
    bytes: int


def tenant_storages() -> dict[str, TenantStorage]:
    """Return the storages of `STORAGES` that know the tenant, by alias."""
    found = {
        alias: storages[alias]
        for alias, given in conf.storages.items()
        if storage_knows_tenant(given["BACKEND"])
    }
    return cast("dict[str, TenantStorage]", found)


def storage_knows_tenant(backend: str) -> bool:
    """Whether the class of that name is a `TenantStorage`."""
    made = import_string(backend)
    return isinstance(made, type) and issubclass(made, TenantStorage)


def usage(
    tenant: TenantRef | HasRef | str | None, *, alias: str | None = None
) -> Usage:
    """Return the number and the size of the tenant's files; None: of the shared ones.

    Of all storages that know the tenant, or of the one of that alias. Asks the storage
    for each file, or each thousand of them where it is a bucket of S3. Raises
    `TenantNotFound` for an unknown key, `InvalidStorageError` for another alias.
    """
    asked = tenant_storages()
    if alias is not None and alias not in asked:
        msg = (
            f"No storage {alias!r} in STORAGES knows the tenant; those that do: "
            f"{', '.join(asked) or 'none'}."
        )
        raise InvalidStorageError(msg)
    chosen = list(asked.values()) if alias is None else [asked[alias]]
    with override_tenant(as_ref(tenant)):
        sizes = [size for storage in chosen for size in _sizes(storage)]
    return Usage(len(sizes), sum(sizes))


def has_files(ref: TenantRef) -> bool:
    """Whether there is a file of the tenant's in any storage."""
    with override_tenant(ref):
        return any(
            True for storage in tenant_storages().values() for _ in _sizes(storage)
        )


def remove_files(ref: TenantRef, *, watch: Callable[[int], None] | None = None) -> None:
    """Remove all files of the tenant, for good, from every storage that knows it.

    *watch* is called with how many are gone, now and then.
    """
    gone = 0
    for storage in tenant_storages().values():
        with override_tenant(ref):
            for number in _removed(storage):
                gone += number
                if watch is not None and number:
                    watch(gone)


def _sizes(storage: TenantStorage) -> Iterator[int]:
    """Yield the size of each file of the active tenant."""
    folder = _local_folder(storage)
    if folder is not None:
        for place, _, files in os.walk(folder):
            for name in files:
                with suppress(FileNotFoundError):  # gone meanwhile
                    yield os.lstat(os.path.join(place, name)).st_size  # noqa: PTH118
    elif (objects := _objects(storage)) is not None:
        yield from (each.size for each in objects)
    else:
        yield from (storage.size(name) for name in _names(storage, ""))


def _removed(storage: TenantStorage) -> Iterator[int]:
    """Remove the files of the active tenant; yield how many, some at a time."""
    folder = _local_folder(storage)
    if folder is not None:
        yield from _removed_here(folder)
    elif (objects := _objects(storage)) is not None:
        for page in objects.pages():
            _delete_objects(storage, [{"Key": each.key} for each in page])
            yield len(page)
    else:
        for name in list(_names(storage, "")):
            storage.delete(name)
            yield 1


def _removed_here(folder: str) -> Iterator[int]:
    """Remove a folder of this machine; links in it go, what they lead to stays."""
    real = os.path.realpath(folder)
    for place, folders, files in os.walk(real, topdown=False):
        for name in (*files, *folders):
            path = os.path.join(place, name)  # noqa: PTH118
            with suppress(FileNotFoundError):
                if name in folders and not os.path.islink(path):  # noqa: PTH114
                    os.rmdir(path)  # noqa: PTH106
                else:
                    os.remove(path)  # noqa: PTH107
        yield len(files)
    with suppress(FileNotFoundError):
        os.rmdir(real)  # noqa: PTH106
        if os.path.islink(folder):  # noqa: PTH114
            os.remove(folder)  # noqa: PTH107


def _local_folder(storage: TenantStorage) -> str | None:
    """Return the active tenant's folder on this machine, if it is on this machine.

    Storages that merely have a `path` need not be: Django's in memory has one.
    """
    local = isinstance(storage.wrapped, FileSystemStorage)
    return storage.path("") if local else None


def _objects(storage: TenantStorage) -> Any:
    """Return the tenant's objects in a bucket as boto3 knows it, else None."""
    bucket = getattr(storage, "bucket", None)
    if bucket is None or not hasattr(bucket, "objects"):
        return None
    prefix = storage.location.lstrip("/") + "/"
    return bucket.objects.filter(Prefix=prefix).page_size(SOME)


def _delete_objects(storage: TenantStorage, keys: list[dict[str, str]]) -> None:
    """Delete a thousand objects at most; raise where S3 refuses one of them."""
    if not keys:
        return
    told = storage.bucket.delete_objects(Delete={"Objects": keys, "Quiet": True})
    if told.get("Errors"):
        msg = f"{len(told['Errors'])} files were not deleted: {told['Errors'][0]}"
        raise OSError(msg)


def _names(storage: TenantStorage, folder: str) -> Iterator[str]:
    """Yield the names of all files in a folder of the active tenant's."""
    folders, files = storage.listdir(folder)
    yield from (f"{folder}{name}" for name in files)
    for name in folders:
        yield from _names(storage, f"{folder}{name}/")
