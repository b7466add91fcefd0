"""Every error that tenantry raises.

TenantryError
├── NoActiveTenant           a tenant is needed and none is active
├── WrongTenant              something of one tenant is used in another
├── NotInKind                tenants of this kind do not have that app
├── TenantNotFound           no such tenant in the catalog
├── TenantUnavailable        the tenant exists and cannot be used in its state
├── ActivationRefused        the active tenant cannot be changed just now
├── LocationMissing          the tenant's schema, database or file is not there
├── TooManyConnections       the limit on open tenant databases is reached
├── MayNotEnter              a shared user may not work in that tenant
├── UsedByTenants            tenants' rows keep a shared object from being deleted
├── ImpersonationRefused     somebody may not act as another, or not as that one
├── NotSupported             this isolation or engine cannot do that
├── InvalidIdentifier        a name that the engine would not take as it is
├── UnusableSetting          a tenant's own value of a setting cannot be used
├── NotInvited               no invitation of that token can be accepted here
├── LifecycleError           a step of provisioning, adopting or dropping failed
│   ├── KeyTaken             the key is in use, or was used by a dropped tenant
│   ├── LocationTaken        something else is where the tenant would live
│   └── LifecycleBusy        another process is working on this tenant
├── OwnsTenants              the user owns tenants, so they cannot be deleted
├── DeletionRefused          an account cannot be deleted, or kept, as it is now
└── PeopleError              an act on the people of a tenant is refused
    ├── NotAMember           the user is nobody in this tenant
    ├── AlreadyAMember       the user is somebody in this tenant already
    ├── AccountExists        there is an account of that e-mail address already
    ├── NoSuchUser           no user, or more than one, is called that
    ├── NotTheirUser         the user can be nobody in this tenant
    ├── UnknownRole          the settings have no such role
    ├── NotPermitted         whoever asks for it may not do it
    ├── OwnerRequired        a tenant has one owner: no fewer, no more
    └── InvitationRefused    an invitation cannot be changed, or not by this account
"""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from django.core.exceptions import PermissionDenied
from django.db.models import ProtectedError, RestrictedError

if TYPE_CHECKING:
    from collections.abc import Iterable

MOST_SHOWN = 20


def _restored(
    kind: type[TenantryError], args: tuple[object, ...], facts: dict[str, object]
) -> TenantryError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(facts)
    return error


class TenantryError(Exception):
    """Root of all errors of this package. Do not raise directly."""

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle the error as it is: workers send theirs to other processes."""
        return _restored, (type(self), self.args, self.__dict__)


class NoActiveTenant(TenantryError):
    """A tenant is needed and none is active."""

    def __init__(self, what: str = "") -> None:
        self.what = what
        super().__init__(what)

    def __str__(self) -> str:
        reason = (
            f"{self.what} belongs to tenants, and no tenant is active."
            if self.what
            else "A tenant is needed here, and none is active."
        )
        return (
            f"{reason} Activate one: "
            f"`with override_tenant(tenant): ...`, or run the command as "
            f"`manage.py tenants run --only KEY -- COMMAND`."
        )


class WrongTenant(TenantryError):
    """Something of one tenant is used while another tenant, or none, is active."""

    def __init__(self, what: str, *, belongs_to: str, active: str | None) -> None:
        self.what = what
        self.belongs_to = belongs_to
        self.active = active
        now = f"{active!r} is active" if active else "no tenant is active"
        super().__init__(
            f"{what} belongs to {belongs_to!r}, and {now}. "
            f"Use it inside `with override_tenant(...)` of where it belongs, or fetch "
            f"the object again in the active tenant."
        )


class NotInKind(TenantryError):
    """Tenants of this kind do not have that app, and it is not shared."""

    def __init__(self, what: str, *, kind: str, setting: str) -> None:
        self.what = what
        self.kind = kind
        super().__init__(
            f"{what} does not exist for tenants of kind {kind!r}: its app is not in "
            f"{setting}. Add it there and run `manage.py tenants migrate --kind "
            f"{kind}`, or use it in a tenant of another kind only."
        )


class TenantNotFound(TenantryError):
    """No tenant of that key, host or slug is in the catalog."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(what)

    def __str__(self) -> str:
        return (
            f"There is no tenant {self.what!r}. "
            "`manage.py tenants list` shows those there."
        )


class TenantUnavailable(TenantryError):
    """The tenant exists and cannot be used in its present state."""

    def __init__(self, key: str, state: str) -> None:
        self.key = key
        self.state = state
        super().__init__(key, state)

    def __str__(self) -> str:
        return (
            f"Tenant {self.key!r} is {self.state}, not active. "
            f"`manage.py tenants show {self.key}` says more."
        )


class ActivationRefused(TenantryError):
    """The active tenant cannot be changed here: it would split a transaction."""


class LocationMissing(TenantryError):
    """The tenant's schema, database or file is not there."""

    def __init__(self, key: str, location: str) -> None:
        self.key = key
        self.location = location
        super().__init__(
            f"Tenant {key!r} should live in {location!r}, which does not exist. "
            f"Restore it from a backup, or remove the tenant: "
            f"`manage.py tenants drop {key}`."
        )


class TooManyConnections(TenantryError):
    """Every open tenant database is busy and the limit is a hard one."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        super().__init__(
            f"All {limit} tenant databases that this process may hold open are in a "
            f"transaction. Raise OPTIONS['MAX_OPEN'] of the placement, or set "
            f"OPTIONS['ON_LIMIT'] to 'exceed'."
        )


class UsedByTenants(TenantryError, ProtectedError, RestrictedError):
    """A shared object cannot be deleted, as rows of tenants refer to it.

    `uses` are `RowsInTenant`: how many, of which model, in which tenant.
    """

    def __init__(self, what: str, uses: Iterable[Any], *, reason: str) -> None:
        self.what = what
        self.uses = tuple(uses)
        self.protected_objects = set(self.uses)
        self.restricted_objects = set(self.uses)
        shown = [f"{use.label}: {use}" for use in self.uses[:MOST_SHOWN]]
        more = len(self.uses) - len(shown)
        if more:
            shown.append(f"and {more} more")
        text = f"{what} cannot be deleted: {reason} ({'; '.join(shown)})."
        Exception.__init__(self, text)


class ImpersonationRefused(TenantryError):
    """Somebody may not act as another, or not as that one; the message says why."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(f"Nobody was impersonated: {reason}.")


class MayNotEnter(TenantryError, PermissionDenied):
    """A shared user may not work in that tenant; a page that meets it answers 403."""

    def __init__(self, who: str, key: str) -> None:
        self.who = who
        self.key = key
        super().__init__(
            f"{who!r} may not enter tenant {key!r}: it takes an active shared user who "
            "is a member there, or where tenants have users of their own one with the "
            "permission 'tenantry.enter_tenants' on the shared site."
        )


class NotSupported(TenantryError):
    """This isolation or engine cannot do that; the message says what can."""


class InvalidIdentifier(TenantryError):
    """A name that the database engine would change, cut or misread."""

    def __init__(self, name: str, reason: str) -> None:
        self.name = name
        self.reason = reason
        super().__init__(f"{name!r} cannot be used: {reason}.")


class UnusableSetting(TenantryError):
    """A tenant's own value of a setting, as it is stored, cannot be used."""

    def __init__(self, key: str, name: str, reason: str) -> None:
        self.key = key
        self.name = name
        self.reason = reason
        super().__init__(
            f"{name} of tenant {key!r} cannot be used: {reason}. Set it anew: "
            f"`manage.py tenants set {key} {name}=...`."
        )


class LifecycleError(TenantryError):
    """A step of provisioning, adopting or dropping a tenant failed."""

    def __init__(self, key: str, step: str, reason: str, *, next_step: str) -> None:
        self.key = key
        self.step = step
        super().__init__(f"Tenant {key!r}, step {step!r}: {reason}. {next_step}")


class KeyTaken(LifecycleError):
    """The key is in use, or was used by a tenant that has been dropped."""


class LocationTaken(LifecycleError):
    """Something is where the tenant would live, and it is not the tenant's."""


class LifecycleBusy(LifecycleError):
    """Another process is at work on this tenant."""


class NotInvited(TenantryError):
    """No invitation of that token can be accepted here; it is not told why."""

    def __init__(self) -> None:
        super().__init__(
            "The invitation cannot be accepted: it is unknown, was used or withdrawn, "
            "is too old, or is for another site. Ask for a new one."
        )


class DeletionRefused(TenantryError):
    """An account cannot be deleted as it is now, or can no longer be kept."""

    def __init__(self, user: str, reason: str, *, next_step: str) -> None:
        self.user = user
        self.reason = reason
        super().__init__(f"The deletion of account {user}: {reason}. {next_step}")


class PeopleError(TenantryError):
    """An act on the people of a tenant is refused; `key` names the tenant."""

    def __init__(self, key: str, reason: str) -> None:
        self.key = key
        super().__init__(f"Tenant {key!r}: {reason}")


class NotAMember(PeopleError):
    """The user is nobody in this tenant."""

    def __init__(self, key: str, user: object) -> None:
        self.user = str(user)
        super().__init__(
            key,
            f"{self.user} is not among its people. `people_of(tenant).add(user)` "
            f"adds them; `manage.py tenants members {key}` shows who is there.",
        )


class AlreadyAMember(PeopleError):
    """The user is somebody in this tenant already, perhaps suspended."""

    def __init__(self, key: str, user: object, *, state: str) -> None:
        self.user = str(user)
        self.state = state
        super().__init__(
            key,
            f"{self.user} is among its people already ({state}). Change their roles "
            "by `grant` and `revoke`; end a suspension by `resume`.",
        )


class AccountExists(PeopleError):
    """There is an account of that e-mail address or user name already."""

    def __init__(self, key: str, name: str) -> None:
        self.name = name
        super().__init__(
            key,
            f"there is an account {name!r} already, and none was made. "
            "Let its user in by `people_of(tenant).add(user)`, or invite them.",
        )


class NoSuchUser(PeopleError):
    """No user, or more than one, is called that."""

    def __init__(self, key: str, name: str, *, found: Iterable[object] = ()) -> None:
        self.name = name
        self.found = tuple(str(each) for each in found)
        reason = (
            f"{name!r} may be any of {', '.join(self.found)}. Name one as shown: pk=..."
            if self.found
            else f"no user has the name, e-mail address or primary key {name!r}. "
            "Invite them, or make the account first"
        )
        super().__init__(key, f"{reason}.")


class NotTheirUser(PeopleError):
    """The user can be nobody in this tenant: they are of another place."""


class UnknownRole(PeopleError):
    """The settings have no role of that name."""

    def __init__(self, key: str, name: str, *, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(known)
        near = difflib.get_close_matches(name, self.known, n=1)
        hint = (
            f"Did you mean {near[0]!r}?"
            if near
            else f"There are: {', '.join(self.known)}."
        )
        super().__init__(key, f"TENANTRY['ROLES'] has no role {name!r}. {hint}")


class NotPermitted(PeopleError, PermissionDenied):
    """Whoever asks for it may not do it; Django answers a request with 403."""


class OwnerRequired(PeopleError):
    """A tenant that has an owner has exactly one: the act would change that."""


class InvitationRefused(PeopleError):
    """An invitation cannot be sent, withdrawn or accepted as it was asked for."""


class OwnsTenants(TenantryError, ProtectedError):
    """The user owns tenants, so they cannot be deleted.

    `keys` are the tenants; `protected_objects` the memberships.
    """

    def __init__(self, user: object, owned: Iterable[Any], keys: Iterable[str]) -> None:
        self.user = str(user)
        self.keys = tuple(keys)
        self.protected_objects = set(owned)
        Exception.__init__(
            self,
            f"{self.user} owns {', '.join(self.keys)} and cannot be deleted. "
            "Transfer each to another member by `people_of(tenant).transfer(user, "
            "to)`, or drop it.",
        )
