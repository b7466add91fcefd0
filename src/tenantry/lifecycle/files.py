"""The files of a tenant, as the lifecycle sees them: not there before, gone after."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.context import override_tenant
from tenantry.exceptions import LocationTaken
from tenantry.isolation import isolations
from tenantry.lifecycle import journal
from tenantry.scopes.storage import contents

if TYPE_CHECKING:
    from tenantry.types import TenantRef


def refuse_files(ref: TenantRef) -> None:
    """Raise `LocationTaken` where there are files already: they are somebody else's.

    In tests they are what a rolled-back test has left, and go.
    """
    if not contents.has_files(ref):
        return
    if isolations[ref.placement].in_tests:
        contents.remove_files(ref)
        return
    raise LocationTaken(
        ref.key,
        "record",
        "there are files already where its own would be",
        next_step="Move them away, or choose another key.",
    )


def remove_files(ref: TenantRef) -> None:
    """Remove the tenant's files, telling the journal that this process is at work."""

    def gone(_: int) -> None:
        with override_tenant(None):
            journal.touch(ref.key)

    contents.remove_files(ref, watch=gone)
