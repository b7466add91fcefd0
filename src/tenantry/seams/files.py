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
def files_of_shared_objects_are_shared() -> None:
    """Else they would be the active tenant's: of a name that the shared row brings.

    Somebody who has a shared row, an account say, could read, replace or delete with it
    what another saved in a tenant under that name.
    """

    def after(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        original(self, *args, **kwargs)
        side = guards.sides[None][self.instance._meta.app_label]
        is_shared = side.shared and not side.tenants
        if is_shared and isinstance(self.storage, TenantStorage):
            self.storage = self.storage.of_all()

    for name in ("__init__", "__setstate__"):
        wrap(FieldFile, name, after)


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
