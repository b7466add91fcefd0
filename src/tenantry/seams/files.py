"""Seams of files: those of an object are used where the object belongs."""

from __future__ import annotations

from typing import Any

from django.db.models.fields.files import FieldFile

from tenantry import guards
from tenantry.scopes.storage import TenantStorage
from tenantry.seams.substitution import INSTALLED, seam, wrap


@seam
def files_of_objects_stay_with_them() -> None:
    """A `FieldFile` hands the storage a mere name, which another tenant may have too.

    So the object is held against the active tenant first: else a book of one tenant
    would show, overwrite or delete the cover of another's.
    """

    def guarded(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self.storage, TenantStorage):
            guards.require_object(self.instance)
        return original(self, *args, **kwargs)

    for name in ("_require_file", "save", "delete"):
        wrap(FieldFile, name, guarded)


@seam
def open_files_are_read_to_their_end() -> None:
    """`FileResponse(book.cover)` is read when the request has left its tenant.

    Each `read()` of a `FieldFile` asks for its name first. A file that is open is
    looked up by none.
    """
    owner: Any = FieldFile
    original = owner.file

    def file(self: Any) -> Any:
        opened = getattr(self, "_file", None)
        if opened is not None and isinstance(self.storage, TenantStorage):
            return opened
        return original.fget(self)

    setattr(file, INSTALLED, original.fget)
    owner.file = property(file, original.fset, original.fdel)
