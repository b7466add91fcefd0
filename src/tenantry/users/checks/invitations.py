"""System checks of invitations; `checks` adds their ids and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.conf import Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_invitations() -> Iterator[Problem]:
    """Yield what keeps every invitation from being accepted."""
    if conf.invitation_days <= 0:
        yield Problem(
            "W093",
            f"TENANTRY['INVITATION_DAYS'] is {conf.invitation_days}: every invitation "
            "is too old when it is sent.",
            "Give the days that somebody has to accept one; half a day is 0.5.",
        )
