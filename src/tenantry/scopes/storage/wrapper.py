"""`TenantStorage`: any storage, with each tenant's files in a folder of its own.

The storage within is one for all tenants (one client, one pool of connections); the
folder is put in front of a name when it is used and taken off again, so the names in
the database are relative to the tenant and stay true when it is moved.
"""

from __future__ import annotations

import copy
import posixpath
from typing import TYPE_CHECKING, Any, Self

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import Storage
from django.urls import get_script_prefix
from django.utils.deconstruct import deconstructible
from django.utils.module_loading import import_string

from tenantry.context import ACTIVE
from tenantry.scopes.storage.folders import Folders, inside, leads_out

if TYPE_CHECKING:
    from datetime import datetime

    from django.core.files import File

FILE_SYSTEM = "django.core.files.storage.FileSystemStorage"


@deconstructible(path="tenantry.scopes.storage.TenantStorage")
class TenantStorage(Storage):
    """Keep each tenant's files in a folder of its own, within another storage.

    To be named in `STORAGES`; its options are those of `__init__`. Attributes of the
    storage within (`bucket`, `bucket_name`, …) are to be had here as well; its methods
    are not, as they would take names of any tenant: `wrapped.method(full_name(name))`.
    """

    def __init__(
        self,
        *,
        BACKEND: str = FILE_SYSTEM,  # noqa: N803  (as it is written in STORAGES)
        OPTIONS: dict[str, Any] | None = None,  # noqa: N803
        FOLDER: str = "tenants/{key}",  # noqa: N803
        SHARED: str | None = "shared",  # noqa: N803
        KEY_IN_URL: bool | None = None,  # noqa: N803
    ) -> None:
        """Make the storage within, from BACKEND and OPTIONS.

        *FOLDER* is where a tenant's files are, *SHARED* those written while none is
        active (None: refused, with `NoActiveTenant`). *KEY_IN_URL* says whether URLs
        contain that folder: needed where the files are served by their full names, as
        from a bucket; not so where the project's own view serves them, which is the
        default for storages with a `base_url`. Raises `ImproperlyConfigured`.
        """
        self._folders = Folders(FOLDER, SHARED)
        self.wrapped: Any = import_string(BACKEND)(**(OPTIONS or {}))
        self._key_in_url = KEY_IN_URL
        self._is_of_all = False

    def of_all(self) -> Self:
        """Return the same storage, whose files are the shared ones in every tenant."""
        found = copy.copy(self)
        found._is_of_all = True  # noqa: SLF001  (a copy of this)
        return found

    # Names.

    def folder(self) -> str:
        """Return the folder of the active tenant, within the storage within."""
        return self._folders.of(None if self._is_of_all else ACTIVE.get())

    def full_name(self, name: object) -> str:
        """Return what the storage within calls the active tenant's file.

        Raises `SuspiciousFileOperation` where the name, or a symbolic link on its way,
        leads out of the tenant's folder.
        """
        return self._full(self.folder(), inside(name))

    def _full_of_file(self, folder: str, name: object) -> str:
        """Return the full name of what is to be a file, not the folder itself."""
        plain = inside(name)
        if not plain:
            msg = f"Could not derive file name from {name!r}."
            raise SuspiciousFileOperation(msg)
        return self._full(folder, plain)

    def _full(self, folder: str, plain: str) -> str:
        full = f"{folder}/{plain}" if plain else folder
        try:
            root, path = self.wrapped.path(folder), self.wrapped.path(full)
        except NotImplementedError:
            return full  # no files of this machine, so no links
        if leads_out(root, path):
            msg = f"{plain!r} is a link that leads out of the tenant's folder."
            raise SuspiciousFileOperation(msg)
        return full

    @staticmethod
    def _relative(folder: str, full: str) -> str:
        """Return the tenant's own name of what the storage within has named."""
        name = str(full).replace("\\", "/")
        if not name.startswith(f"{folder}/"):
            msg = f"The storage within answered {full!r}, which is not in {folder!r}."
            raise SuspiciousFileOperation(msg)
        return name[len(folder) + 1 :]

    def generate_filename(self, filename: object) -> str:
        """Return the name to save under, as the storage within would spell it."""
        return str(self.wrapped.generate_filename(inside(filename)))

    def get_valid_name(self, name: str) -> str:
        """Return the name with what the storage within does not allow left out."""
        return str(self.wrapped.get_valid_name(name))

    def get_alternative_name(self, file_root: str, file_ext: str) -> str:
        """Return another name for a file whose own is taken."""
        return str(self.wrapped.get_alternative_name(file_root, file_ext))

    def get_available_name(self, name: object, max_length: int | None = None) -> str:
        """Return a name that is free in the tenant's folder.

        *max_length* is that of the name without the folder.
        """
        folder = self.folder()
        full = self.wrapped.get_available_name(
            self._full_of_file(folder, name), max_length=_longer(max_length, folder)
        )
        return self._relative(folder, full)

    def is_name_available(self, name: object, max_length: int | None = None) -> bool:
        """Whether the name may be saved under."""
        folder = self.folder()
        full = self._full_of_file(folder, name)
        return bool(
            self.wrapped.is_name_available(full, max_length=_longer(max_length, folder))
        )

    # Files.

    def open(self, name: object, mode: str = "rb") -> File[Any]:
        """Open the tenant's file."""
        folder = self.folder()
        full = self._full_of_file(folder, name)
        file: File[Any] = self.wrapped.open(full, mode)
        if file.name == full:
            file.name = self._relative(folder, full)
        return file

    def save(self, name: object, content: Any, max_length: int | None = None) -> str:
        """Save the content; return the name, relative to the tenant's folder."""
        folder = self.folder()
        full = self._full_of_file(folder, content.name if name is None else name)
        saved = self.wrapped.save(full, content, max_length=_longer(max_length, folder))
        return self._relative(folder, saved)

    def delete(self, name: object) -> None:
        """Delete the tenant's file; nothing happens where there is none."""
        if not inside(name):
            raise ValueError("The name must be given to delete().")
        self.wrapped.delete(self.full_name(name))

    def exists(self, name: object) -> bool:
        """Whether the tenant has the file."""
        return bool(self.wrapped.exists(self.full_name(name)))

    def listdir(self, path: object) -> tuple[list[str], list[str]]:
        """Return the folders and files in a folder of the tenant's."""
        plain = inside(path)
        try:
            folders, files = self.wrapped.listdir(self.full_name(plain))
        except FileNotFoundError:
            if plain:
                raise
            return [], []  # nothing was saved yet
        return list(folders), list(files)

    def size(self, name: object) -> int:
        """Return the size of the tenant's file, in bytes."""
        return int(self.wrapped.size(self.full_name(name)))

    def path(self, name: object) -> str:
        """Return where the file is on this machine, where it is on this machine."""
        return str(self.wrapped.path(self.full_name(name)))

    def get_accessed_time(self, name: object) -> datetime:
        """Return when the tenant's file was read last."""
        return self.wrapped.get_accessed_time(self.full_name(name))  # type: ignore[no-any-return]

    def get_created_time(self, name: object) -> datetime:
        """Return when the tenant's file was made."""
        return self.wrapped.get_created_time(self.full_name(name))  # type: ignore[no-any-return]

    def get_modified_time(self, name: object) -> datetime:
        """Return when the tenant's file was written last."""
        return self.wrapped.get_modified_time(self.full_name(name))  # type: ignore[no-any-return]

    # Addresses.

    @property
    def key_in_url(self) -> bool:
        """Whether URLs contain the tenant's folder."""
        if self._key_in_url is None:
            return not hasattr(self.wrapped, "base_url")
        return self._key_in_url

    def url(self, name: object, *args: Any, **kwargs: Any) -> str:
        """Return the file's URL; more arguments are those of the storage within.

        Without the folder in it, it is below the tenant's path prefix, where it has
        one.
        """
        if self.key_in_url:
            return str(self.wrapped.url(self.full_name(name), *args, **kwargs))
        return _below_prefix(str(self.wrapped.url(inside(name), *args, **kwargs)))

    @property
    def base_url(self) -> str:
        """What the URLs of the tenant's files begin with."""
        base = str(self.wrapped.base_url)
        if self.key_in_url:
            return f"{base}{self.folder()}/"
        return _below_prefix(base)

    @property
    def location(self) -> str:
        """The tenant's folder, in the place that the storage within calls so."""
        return posixpath.join(self.wrapped.location, self.folder())

    @property
    def base_location(self) -> str:
        """As `location`, as it was configured."""
        return posixpath.join(self.wrapped.base_location, self.folder())

    def __getattr__(self, name: str) -> Any:
        """Return an attribute of the storage within that takes no names of files."""
        if not name.startswith("_") and "wrapped" in self.__dict__:
            value = getattr(self.wrapped, name)
            if not callable(value):
                return value
        msg = (
            f"{type(self).__name__!r} object has no attribute {name!r}. Methods of the "
            f"storage within: `wrapped.{name}(full_name(...))`."
        )
        raise AttributeError(msg)


def _longer(max_length: int | None, folder: str) -> int | None:
    """Return the length that a name may have with the folder in front."""
    return None if max_length is None else max_length + len(folder) + 1


def _below_prefix(url: str) -> str:
    """Return the URL below the path prefix in force, where it is of this site."""
    prefix = get_script_prefix()
    if not url.startswith("/") or url.startswith(("//", prefix)):
        return url
    return prefix.rstrip("/") + url
