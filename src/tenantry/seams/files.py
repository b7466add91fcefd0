"""Seams of files: those of an object are used where the object belongs."""

from __future__ import annotations

from typing import Any

from django.db.models.fields.files import FieldFile

from tenantry import guards
from tenantry.scopes.storage import TenantStorage
from tenantry.seams.substitution import seam, wrap


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
