"""System checks of people; `tenantry.checks` adds their ids and links."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tenantry.users.checks.invitations import of_invitations
from tenantry.users.checks.members import of_members
from tenantry.users.checks.middleware import of_middleware
from tenantry.users.checks.people import of_people
from tenantry.users.checks.sign_in import of_sign_in
from tenantry.users.checks.signup import of_signup
from tenantry.users.checks.staff import of_staff

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tenantry.conf import Problem

__all__ = ["of_users"]


def of_users() -> Iterator[Problem]:
    """Yield what is wrong with the settings of people, in any arrangement."""
    yield from of_people()
    yield from of_members()
    yield from of_staff()
    yield from of_middleware()
    yield from of_sign_in()
    yield from of_signup()
    yield from of_invitations()
