"""Which folder is whose, and which names stay inside one.

No two tenants' folders, nor a tenant's and the shared one, can be the same or lie one
within the other: keys are a whole part of the path, or of a part with fixed ends.
"""

from __future__ import annotations

import os
import posixpath
import re
from typing import TYPE_CHECKING

from django.core.exceptions import ImproperlyConfigured, SuspiciousFileOperation

from tenantry.exceptions import NoActiveTenant

if TYPE_CHECKING:
    from tenantry.types import TenantRef

FIELD = "{key}"
KEY = r"[a-z][a-z0-9_-]*"


class Folders:
    """The folders of all tenants, and that of the shared site."""

    def __init__(self, folder: str, shared: str | None) -> None:
        """Take the template of tenants' folders, and the shared one, or None.

        Raises `ImproperlyConfigured` where a name in one could be a name in another.
        """
        self._before, _, self._after = folder.partition(FIELD)
        if folder.count(FIELD) != 1 or "{" in self._before + self._after:
            msg = f"FOLDER must contain {FIELD} once, and no other field: {folder!r}."
            raise ImproperlyConfigured(msg)
        require_plain("FOLDER", folder)
        self._shared = shared
        if shared is not None:
            require_plain("SHARED", shared)
            _require_apart(folder, shared)

    def of(self, tenant: TenantRef | None) -> str:
        """Return the folder of a tenant, or of the shared site.

        Raises `NoActiveTenant` for the shared site where it has none.
        """
        if tenant is not None:
            return f"{self._before}{tenant.key}{self._after}"
        if self._shared is None:
            raise NoActiveTenant("This storage of files")
        return self._shared


def require_plain(option: str, path: str) -> None:
    """Raise `ImproperlyConfigured` unless it is a relative path without frills."""
    if not path or posixpath.normpath(path) != path or path[0] in "/." or "\\" in path:
        msg = f"{option} must be a relative path such as 'tenants/{FIELD}': {path!r}."
        raise ImproperlyConfigured(msg)


def _require_apart(folder: str, shared: str) -> None:
    """Raise unless the shared folder is outside of every tenant's, and they of it."""
    pairs = zip(folder.split("/"), shared.split("/"), strict=False)
    if all(_may_equal(own, other) for own, other in pairs):
        msg = (
            f"SHARED {shared!r} may be within the folder of a tenant, or hold one "
            f"(FOLDER is {folder!r}). Begin it with what no key begins with: '_shared'."
        )
        raise ImproperlyConfigured(msg)


def _may_equal(own: str, other: str) -> bool:
    pattern = re.escape(own).replace(re.escape(FIELD), KEY)
    return re.fullmatch(pattern, other, re.IGNORECASE) is not None


def inside(name: object) -> str:
    """Return the name as a plain path within a folder: '' is the folder itself.

    Backslashes part it, as they do in Django and in S3. Raises
    `SuspiciousFileOperation` for a name that leads elsewhere.
    """
    text = str(name).replace("\\", "/")
    if text.startswith("/") or "\0" in text or ".." in text.split("/"):
        msg = f"{name!r} leads out of the tenant's folder."
        raise SuspiciousFileOperation(msg)
    plain = posixpath.normpath(text)
    if plain == ".":
        return ""
    return f"{plain}/" if text.endswith("/") else plain


def leads_out(root: str, path: str) -> bool:
    """Whether the path, a plain one below the root, leaves it by a symbolic link.

    The root may be a link itself. Only what is below it is looked at, unless there is
    a link: to resolve both paths costs ten times as much.
    """
    if f"{path}{os.sep}".startswith(f"{root}{os.sep}") and not _has_link(root, path):
        return False
    real = os.path.realpath(root)
    return not f"{os.path.realpath(path)}{os.sep}".startswith(f"{real}{os.sep}")


def _has_link(root: str, path: str) -> bool:
    step = root
    for part in path[len(root) + 1 :].split(os.sep):  # noqa: PTH206  (see above)
        step = f"{step}{os.sep}{part}"
        if part and os.path.islink(step):  # noqa: PTH114
            return True
    return False
