"""The people of a tenant who are users of its own.

Their rows, groups and flags are the tenant's. Who owns it, and what was done, is in the
shared database (`TenantOwner`, `AuditEntry`): one transaction with the tenant's where
they share a database. Where they do not, the tenant's is committed first; should the
other then fail, the owner is who it was, and doing the act again completes it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import transaction

from tenantry.context import override_tenant
from tenantry.exceptions import (
    AccountExists,
)
from tenantry.users import accounts, own_roles
from tenantry.users.base import Person, owner_named
from tenantry.users.ending import withdraw_invitations
from tenantry.users.own_users import OwnUsers
from tenantry.users.owners import owner_pk, owning_member, set_owner
from tenantry.users.roles import OWNER, Role

if TYPE_CHECKING:
    from collections.abc import Iterator


class ConfinedPeople(OwnUsers):
    """The acts on users of the tenant's own."""

    def add(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Give one of the tenant's users roles; one who was removed is back.

        Their old password is gone: they set a new one by an invitation, or are given
        one.
        """
        given = self.roles(roles)
        with self._change(user, by, *given) as row:
            self._admit(row, given)
            self.wrote("member.added", row, by, *given)
            return self._person(row)

    def create(
        self,
        email: str,
        *roles: str,
        password: str | None = None,
        by: Any = None,
        **fields: Any,
    ) -> Person:
        """Make a user of the tenant; one who was removed comes back as who they were.

        So rows that refer to them stay theirs.
        """
        given = self.roles(roles)
        with self.alone():
            self.permit(by, *given)
            with self._within():
                row = self._comeback(email, password, fields) or accounts.make(
                    self._users(), self.tenant.key, email, password=password, **fields
                )
                self._admit(row, given)
                self.wrote("member.added", row, by, *given)
                return self._person(row)

    def grant(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Put the user into the groups of the roles."""
        given = self.roles(roles)
        with self._change(user, by, *given) as row:
            self._require_there(row)
            if owner_named(given):
                self.require_access(self._person(row))
            self._own(row, given)
            own_roles.give(row, given)
            self.wrote("member.granted", row, by, *given)
            return self._person(row)

    def revoke(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Take the user out of the groups of the roles."""
        with self._change(user, by) as row:
            self._require_there(row)
            names = own_roles.names_of(row)
            taken = self.roles(roles, held=names)
            self.permit(by, *taken)
            if owner_named(taken):
                self._refuse_owner(row)
            left = {*names, *self._owner_role(row)} - set(roles)
            own_roles.take(row, taken, left=left)
            self.wrote("member.revoked", row, by, *taken)
            return self._person(row)

    def suspend(self, user: Any, by: Any = None) -> Person:
        """Deactivate the user; their sessions end at the next request."""
        return self._put(user, "member.suspended", active=False, by=by)

    def resume(self, user: Any, by: Any = None) -> Person:
        """Activate the user again."""
        return self._put(user, "member.resumed", active=True, by=by)

    def remove(self, user: Any, by: Any = None) -> None:
        """Deactivate the user for good: no roles, no password, no session.

        The row stays, as rows of the tenant may refer to it.
        """
        self._end(user, "member.removed", by=by)

    def leave(self, user: Any) -> None:
        """Remove the user at their own wish."""
        self._end(user, "member.left", by=None, actor=user)

    def transfer(self, user: Any, to: Any, by: Any = None) -> Person:
        """Hand the ownership to another of the tenant's users."""
        owner = self.roles([OWNER])
        with self._change(user, by, *owner) as old:
            self._require_there(old)
            new = self._row(to)
            self._require_there(new)
            self.require_transferable(user, self._person(old), self._person(new))
            if old.pk != new.pk:
                own_roles.take(old, owner, left=own_roles.names_of(old))
                own_roles.give(new, owner)
                set_owner(self.tenant, new)
            self.wrote("owner.transferred", new, by, owner=str(user))
            return self._person(new)

    # With the tenant active, in one transaction of its own.

    @contextmanager
    def _within(self) -> Iterator[None]:
        with override_tenant(self.tenant), transaction.atomic():
            yield

    @contextmanager
    def _change(self, user: Any, by: Any, *asked: Role) -> Iterator[Any]:
        """Lend the user's row, once *by* is permitted, with nobody else at work."""
        self._require_own(user)
        with self.alone():
            self.permit(by, *asked)
            with self._within():
                yield self._row(user)

    def _admit(self, row: Any, given: list[Role]) -> None:
        """Give roles, and access to one who was removed; one suspended stays so."""
        if own_roles.is_removed(row):
            own_roles.readmit(row)
        if owner_named(given):
            self.require_access(self._person(row))
        self._own(row, given)
        own_roles.give(row, given)

    def _comeback(self, email: str, password: str | None, fields: Any) -> Any:
        """Return the removed user of that address, with what was given; or None."""
        found = accounts.of_email(self._users(), email)
        if not found:
            return None
        if len(found) > 1 or not own_roles.is_removed(found[0]):
            raise AccountExists(self.tenant.key, email)
        row = found[0]
        own_roles.readmit(row)
        row.set_password(password)
        for name, value in fields.items():
            setattr(row, name, value)
        row.save()
        return row

    def _put(self, user: Any, action: str, *, active: bool, by: Any) -> Person:
        own_roles.require_active(self._users())
        with self._change(user, by) as row:
            self._require_there(row)
            self.permit(by, self._powers(row))
            if not active:
                self._refuse_owner(row)
            if row.is_active != active:
                row.is_active = active
                row.save(update_fields=["is_active"])
                if not active:
                    withdraw_invitations(self.tenant, row)
                self.wrote(action, row, by)
            return self._person(row)

    def _end(self, user: Any, action: str, *, by: Any, actor: Any = None) -> None:
        with self._change(user, by) as row:
            self._require_there(row)
            self.permit(by, self._powers(row))
            self._refuse_owner(row)
            own_roles.take_all(row)
            if actor is None:
                withdraw_invitations(self.tenant, row)
            self.wrote(action, row, actor or by)

    def _own(self, row: Any, given: list[Role]) -> None:
        """Make the user the owner where a role says so, and nobody else is."""
        if not owner_named(given) or self._owner_role(row):
            return
        pk = owner_pk(self.tenant)
        owner = self._users()._base_manager.filter(pk=pk).first() if pk else None
        owner = owner or owning_member(self.tenant)
        if owner is not None:
            raise self.second_owner(owner)
        set_owner(self.tenant, row)

    def _refuse_owner(self, row: Any) -> None:
        if self._owner_role(row):
            raise self.no_owner(row)
