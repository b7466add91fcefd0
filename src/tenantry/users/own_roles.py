"""What a role is to a tenant's own user: a group of that name, and Django's flags.

The group holds the role's permissions, in the tenant's own database, so it goes where
the tenant goes and its admin shows it. Call all of this with the tenant active.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db.models import Q
from django.utils.crypto import get_random_string

from tenantry.exceptions import NotSupported
from tenantry.users.accounts import has_field
from tenantry.users.roles import OWNER, Role, known, merged, of_names

if TYPE_CHECKING:
    from collections.abc import Iterable

# A password that nobody can have, as Django writes those: who has it was removed.
REMOVED = "!removed:"


def is_removed(user: Any) -> bool:
    """Whether the user was removed, and not merely suspended."""
    return not user.is_active and str(user.password).startswith(REMOVED)


def names_of(user: Any) -> tuple[str, ...]:
    """Return the user's roles, without the owner's."""
    if not has_field(type(user), "groups"):
        return ()
    groups = {group.name for group in user.groups.all()}  # prefetched, of many
    return tuple(name for name in known() if name in groups and name != OWNER)


def give(user: Any, roles: Iterable[Role]) -> None:
    """Put the user into the groups of the roles, and set the flags that they give."""
    given = list(roles)
    if not given:
        return
    require_groups(type(user))
    user.groups.add(*[group_of(role) for role in given])
    user.groups.add(*plain_groups(merged(given).groups))
    _set(user, merged(given), value=True)


def take(user: Any, roles: Iterable[Role], *, left: Iterable[str]) -> None:
    """Undo `give`, but for what the roles that are left give as well."""
    taken = list(roles)
    if not taken:
        return
    require_groups(type(user))
    gone, stays = merged(taken), merged(of_names(left))
    names = {role.name for role in taken} | set(gone.groups) - set(stays.groups)
    user.groups.remove(*user.groups.filter(name__in=names))
    lost = Role(
        name="",
        staff=gone.staff and not stays.staff,
        superuser=gone.superuser and not stays.superuser,
    )
    _set(user, lost, value=False)


def take_all(user: Any) -> None:
    """Leave the user no access, no password, and nothing to come back to."""
    require_active(type(user))
    user.is_active = False
    user.password = REMOVED + get_random_string(40)
    changed = ["is_active", "password"]
    for name in ("is_staff", "is_superuser"):
        if has_field(type(user), name):
            setattr(user, name, False)
            changed.append(name)
    user.save(update_fields=changed)
    for name in ("groups", "user_permissions"):
        if has_field(type(user), name):
            getattr(user, name).clear()


def readmit(user: Any) -> None:
    """Give one who was removed access again; the password is still to be set."""
    user.is_active = True
    user.set_unusable_password()
    user.save(update_fields=["is_active", "password"])


def powers_of(user: Any, names: Iterable[str]) -> Role:
    """Return all that the user may do in the tenant, as one role."""
    superuser = bool(getattr(user, "is_superuser", False))
    grouped = has_field(type(user), "groups")
    groups = user.groups.values_list("name", flat=True) if grouped else ()
    more = Role(
        name="",
        staff=bool(getattr(user, "is_staff", False)),
        superuser=superuser,
        manages=superuser,
        permissions=tuple(sorted(permissions_of(user))),
        groups=tuple(groups),
    )
    return merged([*of_names(names), more])


def permissions_of(user: Any) -> set[str]:
    """Return the user's own permissions and those of their groups, by name."""
    permission = apps.get_model("auth", "Permission")
    condition = Q(pk__in=[])
    if has_field(type(user), "user_permissions"):
        condition |= Q(pk__in=user.user_permissions.values("pk"))
    if has_field(type(user), "groups"):
        condition |= Q(group__in=user.groups.values("pk"))
    found = permission._default_manager.filter(condition).distinct()
    labels = found.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in labels}


def group_of(role: Role) -> Any:
    """Return the group of the role's name, with the role's permissions."""
    group = plain_groups([role.name])[0]
    if role.permissions:
        apps_named = {name.partition(".")[0] for name in role.permissions}
        permissions = apps.get_model("auth", "Permission")._default_manager
        found = permissions.filter(content_type__app_label__in=apps_named)
        labels = found.values_list("pk", "content_type__app_label", "codename")
        given = [pk for pk, app, code in labels if role.names(f"{app}.{code}")]
        group.permissions.add(*given)
    return group


def plain_groups(names: Iterable[str]) -> list[Any]:
    """Return the tenant's groups of those names, made where they are not there."""
    groups = apps.get_model("auth", "Group")._default_manager
    return [groups.get_or_create(name=name)[0] for name in names]


def require_groups(model: type[Any]) -> None:
    """Raise `NotSupported` where users of the model can have no roles."""
    if not has_field(model, "groups"):
        msg = (
            f"{model._meta.label} has no `groups`, by which a tenant's own users have "
            "roles. Derive it from `django.contrib.auth.models.PermissionsMixin` too."
        )
        raise NotSupported(msg)


def require_active(model: type[Any]) -> None:
    """Raise `NotSupported` where the access of a user cannot be taken away."""
    if not has_field(model, "is_active"):
        msg = (
            f"{model._meta.label} has no field `is_active`, without which nobody's "
            "access can be taken away. Add `is_active = BooleanField(default=True)`."
        )
        raise NotSupported(msg)


def _set(user: Any, role: Role, *, value: bool) -> None:
    """Set the flags that the role gives to the value, where the user model has them."""
    wanted = {"is_staff": role.staff, "is_superuser": role.superuser}
    model = type(user)
    names = [name for name, is_in in wanted.items() if is_in and has_field(model, name)]
    for name in names:
        setattr(user, name, value)
    if names:
        user.save(update_fields=names)
