"""The users that a tenant has for itself: who is there, and what they may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps

from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import NotAMember, NotTheirUser, WrongTenant
from tenantry.types import LABEL_PREFIX
from tenantry.users import accounts, own_roles
from tenantry.users.accounts import has_field
from tenantry.users.base import ACTIVE, SUSPENDED, People, Person, email_of, name_of
from tenantry.users.member_rows import has_members, is_shared, shared_self
from tenantry.users.owners import owner_pk
from tenantry.users.roles import OWNER, Role, merged, of_names
from tenantry.users.shared import SharedPeople

if TYPE_CHECKING:
    from collections.abc import Iterable


class OwnUsers(People):
    """The users of the tenant's own: all of them, but those removed."""

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

    def _users(self) -> Any:
        return apps.get_model(conf.auth_user_model)

    def _row(self, user: Any) -> Any:
        """Return the user's row as it is now; raise `NotAMember`."""
        self._require_own(user)
        row = self._users()._base_manager.filter(pk=user.pk).first()
        if row is None:
            raise NotAMember(self.tenant.key, user)
        if self._counterparts([str(row.pk)]):
            raise NotTheirUser(
                self.tenant.key,
                f"{row} is as whom a shared user works there. Change the membership: "
                "`members_of(tenant)`.",
            )
        return row

    def _at(self, pk: Any) -> Person | None:
        with override_tenant(self.tenant):
            row = self._users()._base_manager.filter(pk=pk).first()
            if row is None:
                return None
            return next(iter(self._people([row])), None)

    def _people(self, rows: Iterable[Any]) -> list[Person]:
        owner = owner_pk(self.tenant)
        found = [row for row in rows if not own_roles.is_removed(row)]
        links = self._counterparts([str(row.pk) for row in found])
        there = [row for row in found if str(row.pk) not in links]
        return [person_of(row, owner=owner) for row in there]

    def _person(self, row: Any) -> Person:
        return person_of(row, owner=owner_pk(self.tenant))

    def _powers(self, row: Any) -> Role:
        names = [*own_roles.names_of(row), *self._owner_role(row)]
        return own_roles.powers_of(row, names)

    def _owner_role(self, row: Any) -> list[str]:
        return [OWNER] if str(row.pk) == owner_pk(self.tenant) else []

    def _shared(self, user: Any) -> Any:
        """Return the shared user, where it is one or works here as this one."""
        if getattr(user, "pk", None) is None or not has_members():
            return None
        shared = shared_self(user)
        if is_shared(shared):
            return shared
        pk = str(user.pk)
        return self._counterparts([pk]).get(pk) if self._is_own(user) else None

    def _counterparts(self, keys: list[str]) -> dict[str, Any]:
        """Return the shared users who work here as those of these primary keys."""
        if not has_members():
            return {}
        app = apps.get_app_config("tenantry_users")
        links: Any = app.get_model("Counterpart")
        with override_tenant(None):
            found = links._default_manager.filter(tenant__key=self.tenant.key)
            if len(keys) == 1:
                found = found.filter(local_pk=keys[0])
            return {row.local_pk: row.user for row in found.select_related("user")}

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
