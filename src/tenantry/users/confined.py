"""The people of a tenant who are users of its own.

Their rows, groups and flags are the tenant's. Who owns it, and what was done, is in the
shared database (`TenantOwner`, `AuditEntry`): one transaction with the tenant's where
they share a database. Where they do not, the tenant's is committed first; should the
other then fail, the owner is who it was, and doing the act again completes it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import transaction

from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import (
    AccountExists,
    NotAMember,
    NotTheirUser,
    WrongTenant,
)
from tenantry.types import LABEL_PREFIX
from tenantry.users import accounts, own_roles
from tenantry.users.accounts import has_field
from tenantry.users.base import (
    ACTIVE,
    SUSPENDED,
    People,
    Person,
    email_of,
    name_of,
    owner_named,
)
from tenantry.users.owners import owner_pk, owning_member, set_owner
from tenantry.users.roles import OWNER, Role, merged, of_names
from tenantry.users.shared import SharedPeople, has_members, is_shared, shared_self

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


class ConfinedPeople(People):
    """The users that a tenant has for itself: all of them, but those removed."""

    # Who is there.

    def all(self) -> list[Person]:
        """Return the tenant's users, in the order they were made."""
        with override_tenant(self.tenant):
            users = self._users()._base_manager.order_by("pk")
            if has_field(self._users(), "groups"):
                users = users.prefetch_related("groups")
            return self._people(users)

    def get(self, user_pk: Any) -> Person:
        """Return the tenant's user of that primary key."""
        person = self._at(accounts.as_pk(self._users(), user_pk))
        if person is None:
            raise NotAMember(self.tenant.key, user_pk)
        return person

    def find(self, email: str) -> list[Person]:
        """Return the tenant's users of that e-mail address."""
        with override_tenant(self.tenant):
            return self._people(accounts.of_email(self._users(), email))

    def of_user(self, user: Any) -> Person | None:
        """Return the tenant's own user as a person.

        A shared user who works here as one is who they are as a member.
        """
        shared = self._shared(user)
        if shared is not None:
            return SharedPeople(self.tenant).of_user(shared)
        return self._at(user.pk) if self._is_own(user) else None

    def account(self, name: str) -> Any:
        """Return the tenant's user who is called so; also one who was removed."""
        with override_tenant(self.tenant):
            return self.only(name, accounts.called(self._users(), name))

    # Acts.

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
            self.wrote("owner.transferred", new, by or user)
            return self._person(new)

    def powers(self, user: Any) -> Role | None:
        """Return what the user may do: by roles, groups, permissions and flags.

        A shared user may do here what the membership gives.
        """
        shared = self._shared(user)
        if shared is not None:
            return SharedPeople(self.tenant).powers(shared)
        if not self._is_own(user):
            return None
        with override_tenant(self.tenant):
            row = self._users()._base_manager.filter(pk=user.pk).first()
            return None if row is None or not row.is_active else self._powers(row)

    # Rows; with the tenant active.

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

    def _users(self) -> Any:
        return apps.get_model(conf.auth_user_model)

    def _row(self, user: Any) -> Any:
        """Return the user's row as it is now; raise `NotAMember`."""
        self._require_own(user)
        row = self._users()._base_manager.filter(pk=user.pk).first()
        if row is None:
            raise NotAMember(self.tenant.key, user)
        if str(row.pk) in self._counterparts():
            raise NotTheirUser(
                self.tenant.key,
                f"{row} is as whom a shared user works there. Change the membership: "
                "`members_of(tenant)`.",
            )
        return row

    def _shared(self, user: Any) -> Any:
        """Return the shared user, where it is one or works here as this one."""
        if getattr(user, "pk", None) is None or not has_members():
            return None
        shared = shared_self(user)
        if is_shared(shared):
            return shared
        return self._counterparts().get(str(user.pk)) if self._is_own(user) else None

    def _counterparts(self) -> dict[str, Any]:
        """Return the shared users who work here, by the key of as whom they do."""
        if not has_members():
            return {}
        app = apps.get_app_config("tenantry_users")
        links: Any = app.get_model("Counterpart")
        with override_tenant(None):
            found = links._default_manager.filter(tenant__key=self.tenant.key)
            return {row.local_pk: row.user for row in found.select_related("user")}

    def _at(self, pk: Any) -> Person | None:
        with override_tenant(self.tenant):
            row = self._users()._base_manager.filter(pk=pk).first()
            if row is None:
                return None
            return next(iter(self._people([row])), None)

    def _admit(self, row: Any, given: list[Role]) -> None:
        """Give access and roles."""
        self._own(row, given)
        if not row.is_active:
            row.is_active = True
            row.save(update_fields=["is_active"])
        own_roles.give(row, given)

    def _comeback(self, email: str, password: str | None, fields: Any) -> Any:
        """Return the removed user of that address, with what was given; or None."""
        found = accounts.of_email(self._users(), email)
        if not found:
            return None
        if len(found) > 1 or not own_roles.is_removed(found[0]):
            raise AccountExists(self.tenant.key, email)
        row = found[0]
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
                self.wrote(action, row, by)
            return self._person(row)

    def _end(self, user: Any, action: str, *, by: Any, actor: Any = None) -> None:
        with self._change(user, by) as row:
            self._require_there(row)
            self.permit(by, self._powers(row))
            self._refuse_owner(row)
            own_roles.take_all(row)
            self.wrote(action, row, actor or by)

    # Who owns it: a row of the shared database.

    def _owner_role(self, row: Any) -> list[str]:
        return [OWNER] if str(row.pk) == owner_pk(self.tenant) else []

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

    # Rules.

    def _is_own(self, user: Any) -> bool:
        return (
            isinstance(user, self._users())
            and user.pk is not None
            and user._state.db == self.tenant.label
        )

    def _require_own(self, user: Any) -> None:
        """Raise unless it is a saved user of this tenant's."""
        if self._is_own(user):
            return
        label = str(getattr(getattr(user, "_state", None), "db", None) or "")
        if label.startswith(LABEL_PREFIX) and label != self.tenant.label:
            raise WrongTenant(
                str(user),
                belongs_to=label.removeprefix(LABEL_PREFIX),
                active=self.tenant.key,
            )
        raise NotTheirUser(
            self.tenant.key,
            f"{user} is not one of its own users. Shared users become members by "
            "`members_of(tenant).add(user)`; make others by `create`.",
        )

    def _require_there(self, row: Any) -> None:
        if own_roles.is_removed(row):
            raise NotAMember(self.tenant.key, row)

    def _powers(self, row: Any) -> Role:
        names = [*own_roles.names_of(row), *self._owner_role(row)]
        return own_roles.powers_of(row, names)

    def _people(self, rows: Iterable[Any]) -> list[Person]:
        owner = owner_pk(self.tenant)
        links = self._counterparts()
        there = [
            row
            for row in rows
            if not own_roles.is_removed(row) and str(row.pk) not in links
        ]
        return [person_of(row, owner=owner) for row in there]

    def _person(self, row: Any) -> Person:
        return person_of(row, owner=owner_pk(self.tenant))


def person_of(row: Any, *, owner: str | None) -> Person:
    """Return the tenant's user; call it with the tenant active."""
    names = own_roles.names_of(row)
    owns = str(row.pk) == owner
    roles = merged(of_names([*names, *([OWNER] if owns else [])]))
    return Person(
        user_pk=str(row.pk),
        user=row,
        name=name_of(row),
        email=email_of(row),
        roles=names,
        is_owner=owns,
        manages=roles.manages or bool(getattr(row, "is_superuser", False)),
        state=ACTIVE if row.is_active else SUSPENDED,
        joined_at=getattr(row, "date_joined", None),
    )
