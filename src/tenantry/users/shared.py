"""The people of a tenant who are shared users: its members.

Membership and account are both in the shared database, so each act is one transaction
there, whatever the tenant's isolation. Acts on one tenant's members wait for each
other: they lock the tenant's row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import (
    AlreadyAMember,
    NotAMember,
    NotTheirUser,
)
from tenantry.users import accounts
from tenantry.users.base import (
    ACTIVE,
    SUSPENDED,
    People,
    Person,
    owner_named,
    same_email,
)
from tenantry.users.ending import withdraw_invitations
from tenantry.users.member_rows import (
    is_shared,
    membership_model,
    person_of,
    powers_of,
    shared_self,
)
from tenantry.users.owners import owner_pk, owning_member
from tenantry.users.roles import OWNER, Role

if TYPE_CHECKING:
    from tenantry.types import TenantRef
    from tenantry.users.models import Membership


class SharedPeople(People):
    """The members of a tenant; *beside* them may be its own users."""

    def __init__(self, tenant: TenantRef, *, beside: People | None = None) -> None:
        super().__init__(tenant)
        self._beside = beside

    # Who is there.

    def all(self) -> list[Person]:
        """Return the members, in the order they joined."""
        with override_tenant(None):
            return [person_of(row) for row in self._rows()]

    def get(self, user_pk: Any) -> Person:
        """Return the member whose account has that primary key."""
        with override_tenant(None):
            pk = accounts.as_pk(self._users(), user_pk)
            row = None if pk is None else self._rows().filter(user_id=pk).first()
            if row is None:
                raise NotAMember(self.tenant.key, user_pk)
            return person_of(row)

    def find(self, email: str) -> list[Person]:
        """Return the members of that e-mail address."""
        with override_tenant(None):
            field = self._users().get_email_field_name()
            rows = self._rows().filter(**{f"user__{field}__iexact": email})
            people = [person_of(row) for row in rows]
        return [person for person in people if same_email(person.email, email)]

    def of_user(self, user: Any) -> Person | None:
        """Return the user's membership as a person; None where there is none."""
        user = shared_self(user)
        if user.pk is None or not is_shared(user):
            return None
        with override_tenant(None):
            row = self._rows().filter(user_id=user.pk).first()
            return None if row is None else person_of(row)

    def account(self, name: str) -> Any:
        """Return the shared user who is called so."""
        with override_tenant(None):
            return self.only(name, accounts.called(self._users(), name))

    # Acts.

    def add(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Make a shared user a member."""
        given = self.roles(roles)
        self._require_shared(user)
        with self.alone():
            self.permit(by, *given)
            return self._join(user, given, by)

    def create(
        self,
        email: str,
        *roles: str,
        password: str | None = None,
        by: Any = None,
        **fields: Any,
    ) -> Person:
        """Make a shared account and its membership."""
        given = self.roles(roles)
        with self.alone():
            self.permit(by, *given)
            user = accounts.make(
                self._users(), self.tenant.key, email, password=password, **fields
            )
            return self._join(user, given, by)

    def grant(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Give the member roles."""
        given = self.roles(roles)
        with self.alone():
            row = self._row(user)
            self.permit(by, *given)
            if owner_named(given) and not row.is_owner:
                self._require_no_owner()
                self.require_access(person_of(row))
                row.is_owner = True
            return self._changed(row, [*row.roles, *roles], ("member.granted", by))

    def revoke(self, user: Any, *roles: str, by: Any = None) -> Person:
        """Take roles from the member."""
        with self.alone():
            row = self._row(user)
            taken = self.roles(roles, held=row.roles)
            self.permit(by, *taken)
            if owner_named(taken):
                self._refuse_owner(row)
            left = [name for name in row.roles if name not in roles]
            return self._changed(row, left, ("member.revoked", by), taken=roles)

    def suspend(self, user: Any, by: Any = None) -> Person:
        """Take the member's access away for the time being."""
        return self._put(user, SUSPENDED, "member.suspended", by=by)

    def resume(self, user: Any, by: Any = None) -> Person:
        """Give the member access again."""
        return self._put(user, ACTIVE, "member.resumed", by=by)

    def remove(self, user: Any, by: Any = None) -> None:
        """Delete the membership; the account stays."""
        self._end(user, "member.removed", by=by)

    def leave(self, user: Any) -> None:
        """Delete the user's own membership."""
        self._end(user, "member.left", by=None, actor=user)

    def transfer(self, user: Any, to: Any, by: Any = None) -> Person:
        """Hand the ownership to another member."""
        owner = self.roles([OWNER])
        with self.alone():
            old, new = self._row(user), self._row(to)
            self.permit(by, *owner)
            self.require_transferable(user, person_of(old), person_of(new))
            old.is_owner, new.is_owner = False, True
            if old.pk != new.pk:
                old.save(update_fields=["is_owner"])
                new.save(update_fields=["is_owner"])
            self.wrote("owner.transferred", to, by, owner=str(user))
            return person_of(new)

    def powers(self, user: Any) -> Role | None:
        """Return what the member may do, by roles, groups and permissions.

        Or what one of the tenant's own users may, where it has those too.
        """
        user = shared_self(user)
        if user.pk is None or not is_shared(user):
            return None if self._beside is None else self._beside.powers(user)
        with override_tenant(None):
            row = self._rows().filter(user_id=user.pk).first()
            if row is None or person_of(row).state != ACTIVE:
                return None
            return powers_of(row)

    # Rows; all in the shared database.

    def _users(self) -> Any:
        return apps.get_model(conf.shared_user_model)

    def _rows(self) -> Any:
        rows = membership_model()._base_manager
        found = rows.filter(tenant__key=self.tenant.key).select_related("user")
        return found.order_by("joined_at", "pk")

    def _row(self, user: Any) -> Membership:
        """Return the user's membership; raise `NotAMember`."""
        self._require_shared(user)
        row: Membership | None = self._rows().filter(user_id=user.pk).first()
        if row is None:
            raise NotAMember(self.tenant.key, user)
        return row

    def _join(self, user: Any, given: list[Role], by: Any) -> Person:
        there = self.of_user(user)
        if there is not None:
            raise AlreadyAMember(self.tenant.key, user, state=there.state)
        if owner_named(given):
            self._require_no_owner()
        tenant = registry.tenant_model._base_manager.get(key=self.tenant.key)
        row = membership_model()._base_manager.create(
            tenant=tenant,
            user_id=user.pk,
            roles=[role.name for role in given if role.name != OWNER],
            is_owner=owner_named(given),
        )
        person = person_of(row)
        if person.is_owner:
            self.require_access(person)
        self.wrote("member.added", user, by, *given)
        return person

    def _changed(
        self,
        row: Membership,
        names: list[str],
        act: tuple[str, Any],
        *,
        taken: tuple[str, ...] = (),
    ) -> Person:
        """Write the member's roles, and what was done by whom."""
        before = set(row.roles)
        row.roles = [name for name in dict.fromkeys(names) if name != OWNER]
        row.save(update_fields=["roles", "is_owner"])
        changed = taken or sorted(set(names) - before)
        self.wrote(act[0], row.user, act[1], *(Role(name=name) for name in changed))
        return person_of(row)

    def _put(self, user: Any, state: str, action: str, *, by: Any) -> Person:
        with self.alone():
            row = self._row(user)
            self.permit(by, powers_of(row))
            if state == SUSPENDED:
                self._refuse_owner(row)
            if row.state != state:
                row.state = state
                row.save(update_fields=["state"])
                if state == SUSPENDED:
                    withdraw_invitations(self.tenant, row.user)
                self.wrote(action, user, by)
            return person_of(row)

    def _end(self, user: Any, action: str, *, by: Any, actor: Any = None) -> None:
        with self.alone():
            row = self._row(user)
            self.permit(by, powers_of(row))
            self._refuse_owner(row)
            row.delete()
            if actor is None:
                withdraw_invitations(self.tenant, row.user)
            self.wrote(action, user, actor or by)

    # Rules.

    def _require_shared(self, user: Any) -> None:
        if not is_shared(user):
            raise NotTheirUser(
                self.tenant.key,
                f"{user} is a tenant's own user, and only shared users can be members."
                " Make a shared account for them, or use `people_of(tenant)`.",
            )
        if user.pk is None:
            raise NotTheirUser(self.tenant.key, f"{user} has no account yet: save it.")

    def _require_no_owner(self) -> None:
        owner = owning_member(self.tenant) or owner_pk(self.tenant)
        if owner is not None:
            raise self.second_owner(owner)

    def _refuse_owner(self, row: Membership) -> None:
        if row.is_owner:
            raise self.no_owner(row.user)
