"""The one interface to the people of a tenant, wherever their accounts are."""

from __future__ import annotations

import unicodedata
from abc import ABC, abstractmethod
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F

from tenantry.catalog.audit import record
from tenantry.catalog.registry import registry
from tenantry.context import override_tenant
from tenantry.exceptions import (
    NoSuchUser,
    NotAMember,
    NotPermitted,
    OwnerRequired,
    TenantNotFound,
    UnknownRole,
)
from tenantry.users.roles import OWNER, Role, known

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from tenantry.types import TenantRef

ACTIVE, SUSPENDED, INACTIVE = "active", "suspended", "inactive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody in a tenant, as they were when asked for.

    `user` is the account, and `user_pk` the text of its primary key. `roles` are names
    without "owner"; `manages`: may change other people. `state` is "active",
    "suspended", or "inactive" where the account itself was deactivated: only the first
    has access.
    """

    user_pk: str
    user: Any
    name: str
    email: str
    roles: tuple[str, ...]
    is_owner: bool
    manages: bool
    state: str
    joined_at: datetime | None


class People(ABC):
    """The people of one tenant, and the acts that change them.

    Each act is written in the audit, and holds from the next request on. *by* is the
    user who asks for it, as the tenant knows them; nobody (None) may do all. *by* must
    have access and a role that manages, and can neither give nor take what they have
    not themselves: a role that makes superusers by superusers only, ownership by the
    owner only. Otherwise `NotPermitted` is raised.
    """

    def __init__(self, tenant: TenantRef) -> None:
        self.tenant = tenant

    # Who is there.

    @abstractmethod
    def all(self) -> list[Person]:
        """Return those who have access, or are suspended, in the order they came."""

    @abstractmethod
    def get(self, user_pk: Any) -> Person:
        """Return the one whose account has that primary key; raise `NotAMember`."""

    @abstractmethod
    def find(self, email: str) -> list[Person]:
        """Return those of that e-mail address, whatever its case."""

    @abstractmethod
    def of_user(self, user: Any) -> Person | None:
        """Return who the user is here: what `request.user` is in the tenant.

        None for somebody who is nobody here, and for an anonymous user.
        """

    @abstractmethod
    def account(self, name: str) -> Any:
        """Return the user of that name, e-mail address or primary key.

        They need not be among the people yet. `pk=7` is a primary key and nothing else.
        Raises `NoSuchUser`, also where several are called that.
        """

    # Acts.

    @abstractmethod
    def add(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Let a user in, with roles. "owner" is taken where the tenant has none.

        Raises `AlreadyAMember`, `NotTheirUser` for a user of another place,
        `UnknownRole`, and `OwnerRequired` for a second owner.
        """

    @abstractmethod
    def create(
        self,
        email: str,
        *roles: str,
        password: str | None = None,
        by: Any = None,
        **fields: Any,
    ) -> Person:
        """Make an account for somebody who has none, and let them in.

        *fields* are fields of the user model; the user name is the e-mail address
        unless given. Without a password they cannot sign in until one is set. Raises
        `AccountExists`, and what `add` raises; then there is no account either.
        """

    @abstractmethod
    def grant(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Give roles; those they have already stay.

        Raises `NotAMember`, `UnknownRole`, and `OwnerRequired` for "owner" where
        somebody else is it.
        """

    @abstractmethod
    def revoke(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Take roles away; they stay among the people.

        Raises `NotAMember`, `UnknownRole`, and `OwnerRequired` for the owner's "owner".
        """

    @abstractmethod
    def suspend(self, user: Any, by: Any = None) -> Person:
        """Take their access away until `resume`; roles and memberships stay.

        Raises `NotAMember`, and `OwnerRequired` for the owner.
        """

    @abstractmethod
    def resume(self, user: Any, by: Any = None) -> Person:
        """Give a suspended one their access back; raise `NotAMember`."""

    @abstractmethod
    def remove(self, user: Any, by: Any = None) -> None:
        """Take their access and their roles away, at once and for good.

        Raises `NotAMember`, and `OwnerRequired` for the owner.
        """

    @abstractmethod
    def leave(self, user: Any) -> None:
        """Remove themselves; raise `NotAMember`, and `OwnerRequired` for the owner."""

    @abstractmethod
    def transfer(self, user: Any, to: Any, by: Any = None) -> Person:
        """Make *to* the owner in place of *user*, who keeps their other roles.

        *by* must be the owner. Returns the new one. Raises `NotAMember` unless both are
        among the people, and `OwnerRequired` where *user* is not the owner, or *to* has
        no access.
        """

    # What both arrangements need.

    @abstractmethod
    def powers(self, user: Any) -> Role | None:
        """Return all that a user may do here as one role; None: they have no access."""

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Open a transaction of the shared database, with no tenant active.

        In it nobody else changes this tenant's people.
        """
        with override_tenant(None), transaction.atomic():
            tenants = registry.tenant_model._base_manager
            # Locks the row in every database, SQLite too.
            if not tenants.filter(key=self.tenant.key).update(name=F("name")):
                raise TenantNotFound(self.tenant.key)
            yield

    def require(self, user: Any) -> Person:
        """Return who the user is here; raise `NotAMember`."""
        person = self.of_user(user)
        if person is None:
            raise NotAMember(self.tenant.key, user)
        return person

    def roles(self, names: Iterable[str], *, held: Iterable[str] = ()) -> list[Role]:
        """Return the roles of those names, each once; raise `UnknownRole`.

        One of *held* may have gone from the settings meanwhile: it gives nothing.
        """
        roles = known()
        found = []
        for name in dict.fromkeys(names):
            if name not in roles and name not in held:
                raise UnknownRole(self.tenant.key, name, known=roles)
            found.append(roles.get(name, Role(name=name)))
        return found

    def permit(self, by: Any, *asked: Role) -> None:
        """Raise `NotPermitted` unless *by* may give or take what is asked for."""
        if by is None:
            return
        own = self.powers(by)
        if own is None or not own.manages:
            raise NotPermitted(
                self.tenant.key,
                f"{by} has no role that manages its people. Its owner can give one.",
            )
        for role in asked:
            if not own.covers(role):
                what = f"the role {role.name!r}" if role.name else "all that they have"
                raise NotPermitted(
                    self.tenant.key,
                    f"{by} cannot give or take {what}: it is more than their own. "
                    "Somebody who has it can.",
                )

    def wrote(
        self, action: str, user: Any, by: Any, *roles: Role, **facts: Any
    ) -> None:
        """Write the act in the audit."""
        if roles:
            facts["roles"] = [role.name for role in roles]
        record(
            action,
            tenant=self.tenant,
            actor=by,
            target=user,
            user_pk=str(user.pk),
            **facts,
        )

    def second_owner(self, owner: Any) -> OwnerRequired:
        """Return the error for making an owner where there is one."""
        return OwnerRequired(
            self.tenant.key,
            f"it has an owner, {owner}, and can have no second one. Transfer it: "
            f"`manage.py tenants transfer {self.tenant.key} USER`, or in code "
            "`people_of(tenant).transfer(owner, to)`.",
        )

    def no_owner(self, owner: Any) -> OwnerRequired:
        """Return the error for leaving the tenant without an owner."""
        return OwnerRequired(
            self.tenant.key,
            f"{owner} owns it. Transfer it to another member first: "
            f"`manage.py tenants transfer {self.tenant.key} USER`, or in code "
            "`people_of(tenant).transfer(owner, to)`.",
        )

    def require_transferable(self, user: Any, old: Person, new: Person) -> None:
        """Raise `OwnerRequired` unless the one owns it, and the other has access."""
        if not old.is_owner:
            raise OwnerRequired(self.tenant.key, f"{user} does not own it.")
        self.require_access(new)

    def require_access(self, owner: Person) -> None:
        """Raise `OwnerRequired` where the one who is to own it has no access."""
        if owner.state != ACTIVE:
            raise OwnerRequired(
                self.tenant.key,
                f"{owner.user} has no access at present ({owner.state}), and an owner "
                "needs it. Resume or activate them first, or choose somebody else.",
            )

    def only(self, name: str, users: Iterable[Any]) -> Any:
        """Return the one user; raise `NoSuchUser` for none and for several."""
        found = {user.pk: user for user in users}
        if len(found) != 1:
            shown = [f"{user} (pk={pk})" for pk, user in found.items()]
            raise NoSuchUser(self.tenant.key, name, found=shown)
        return next(iter(found.values()))


def name_of(user: Any) -> str:
    """Return how to call a user: the full name where they gave one."""
    full = user.get_full_name() if hasattr(user, "get_full_name") else ""
    return str(full or user.get_username())


def email_of(user: Any) -> str:
    """Return the user's e-mail address; "" where the model has none."""
    return str(getattr(user, user.get_email_field_name(), "") or "")


def same_email(one: str, other: str) -> bool:
    """Whether two addresses are one: databases take more letters for equal than we."""
    first, second = (unicodedata.normalize("NFKC", each) for each in (one, other))
    return first.casefold() == second.casefold()


def owner_named(roles: Iterable[Role]) -> bool:
    """Whether one of the roles is the owner's."""
    return any(role.name == OWNER for role in roles)
