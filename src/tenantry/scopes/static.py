"""Static files: shared by all, but for those that a tenant has of its own.

A tenant's own lie in `<STATIC_DIR>/<key>/static/` and are collected, hashed, compressed
and served as any static file, by the name `tenants/<key>/…`; whoever serves them need
not know the tenant. Only `{% static %}` does: it names the tenant's own file, where it
has one.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.finders import BaseFinder
from django.contrib.staticfiles.storage import (
    ManifestStaticFilesStorage,
    StaticFilesStorage,
)
from django.contrib.staticfiles.utils import get_files
from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation
from django.core.files.storage import FileSystemStorage
from django.utils._os import safe_join

from tenantry.conf import conf
from tenantry.context import ACTIVE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from django.core.files.storage import Storage

FOLDER = "tenants"
KEY = re.compile(r"[a-z][a-z0-9_-]*")


class TenantFinder(BaseFinder):
    """Find each tenant's own static files, as `tenants/<key>/<name>`.

    To be named in `STATICFILES_FINDERS`, beside Django's. `TENANTRY["STATIC_DIR"]` is
    the folder with a folder for each tenant. Folders made later are found as well.
    """

    def check(self, **_options: Any) -> list[Any]:
        """Return nothing: `tenantry.E063` says what is wrong."""
        return []

    def find(self, path: str, find_all: bool = False, **_options: Any) -> Any:  # noqa: FBT001, FBT002  (Django's own signature)
        """Return where the file is on this machine; an empty list where it is not."""
        folder, _, rest = path.replace(os.sep, "/").partition("/")
        key, _, name = rest.partition("/")
        found = None
        if folder == FOLDER and name and KEY.fullmatch(key):
            finders.searched_locations.append(str(root_of(key)))
            found = _file_in(root_of(key), name)
        if found is None:
            return []  # as Django's finders answer, whatever is asked
        return [found] if find_all else found

    def list(self, ignore_patterns: Any) -> Iterator[tuple[str, Storage]]:
        """Yield all files of all tenants, as `collectstatic` wants them."""
        for root in sorted(static_dir().glob("*/static")):
            key = root.parent.name
            if not KEY.fullmatch(key) or not root.is_dir():
                continue
            storage: Any = FileSystemStorage(location=root)
            storage.prefix = f"{FOLDER}/{key}"
            for path in get_files(storage, ignore_patterns):
                yield path, storage


def root_of(key: str) -> Path:
    """Return the folder with the tenant's own static files."""
    return static_dir() / key / "static"


def static_dir() -> Path:
    """Return the folder of folders. Raises `ImproperlyConfigured` where none is set."""
    if not conf.static_dir:
        msg = "TenantFinder needs TENANTRY['STATIC_DIR'], a folder of folders."
        raise ImproperlyConfigured(msg)
    return Path(conf.static_dir)


def _file_in(root: Path, name: str) -> str | None:
    try:
        path = str(safe_join(str(root), name))
    except SuspiciousFileOperation:
        return None
    return path if os.path.exists(path) else None  # noqa: PTH110


class TenantStaticMixin:
    """Name the active tenant's own file in URLs, where it has one of that name.

    For any storage of static files: `class Storage(TenantStaticMixin, Other): pass`.
    With no tenant active nothing is different.
    """

    def url(self, name: str | None, *args: Any, **kwargs: Any) -> str:
        """Return the URL of the tenant's own file, or of that of all."""
        tenant = ACTIVE.get()
        if tenant is not None and name:
            own = f"{FOLDER}/{tenant.key}/{name}"
            if self._has(tenant.key, re.split("[?#]", own, maxsplit=1)[0]):
                name = own
        return str(super().url(name, *args, **kwargs))  # type: ignore[misc]

    def _has(self, key: str, own: str) -> bool:
        """Whether there is a file of that name, without asking a remote storage."""
        if conf.debug:  # nothing need be collected
            return bool(finders.find(own))
        hashed = getattr(self, "hashed_files", None)
        return own in (self._collected(key) if hashed is None else hashed)

    def _collected(self, key: str) -> frozenset[str]:
        """Return the names of the tenant's own files: asked once, as by deployment."""
        known: dict[str, frozenset[str]] = self.__dict__.setdefault("_own_files", {})
        if key not in known:
            try:
                storage: Any = self
                names = get_files(storage, location=f"{FOLDER}/{key}")
                known[key] = frozenset(names)
            except (FileNotFoundError, ImproperlyConfigured):  # nothing is collected
                known[key] = frozenset()
        return known[key]


class TenantStaticFilesStorage(TenantStaticMixin, StaticFilesStorage):
    """Django's `StaticFilesStorage`, with files of the tenant's own."""


class TenantManifestStaticFilesStorage(TenantStaticMixin, ManifestStaticFilesStorage):
    """Django's `ManifestStaticFilesStorage`, with files of the tenant's own."""
