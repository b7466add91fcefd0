"""Seams of accounts: a shared user is what they are in the active tenant."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.contrib.auth import backends
from django.core.exceptions import ValidationError
from django.db.models import F, Model
from django.db.models.constants import OnConflict
from django.db.models.expressions import DatabaseDefault
from django.db.models.signals import m2m_changed
from django.db.models.sql import compiler

from tenantry.seams.substitution import wrap
from tenantry.users import flags, lookup, permissions

if TYPE_CHECKING:
    from collections.abc import Callable


UPDATE_FIELDS = 5  # where it is among the arguments of `_save_table`


def users_are_what_their_membership_says() -> None:
    """Apps ask the object: `user.is_active` admits, `is_staff` opens the admin."""
    model = lookup.shared_user_model()
    for name in flags.ANSWERS:
        setattr(model, name, flags.flag_of(model, name))
    for name in flags.CACHES:
        setattr(model, name, flags.Cache(name))


def forms_and_fixtures_have_what_is_stored() -> None:
    """What they take from an object is written back to its row."""
    for field in flags.columns_of(lookup.shared_user_model()):
        field.value_from_object = functools.partial(_stored, field)  # type: ignore[method-assign]


def _stored(field: Any, user: Any) -> Any:
    with flags.as_stored():
        return getattr(user, field.attname)


def users_are_read_and_checked_as_stored() -> None:
    """Django copies each attribute onto the object: of a fresh one, of a clean one."""

    def refresh_from_db(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        fields = kwargs.get("fields", args[1] if len(args) > 1 else None)
        with flags.as_stored():
            original(self, *args, **kwargs)
        flags.forget_changes(self, fields)
        if fields is None:
            lookup.forget(self)

    def clean_fields(original: Any, self: Any, exclude: Any = None) -> None:
        with flags.as_stored():
            original(self, exclude=exclude)
        refused = set(flags.changed_in_tenant(self)) - set(exclude or ())
        if refused:
            error = str(flags.refusal(sorted(refused)))
            raise ValidationError(dict.fromkeys(refused, error))

    def validate_constraints(original: Any, self: Any, exclude: Any = None) -> None:
        with flags.as_stored():
            original(self, exclude=exclude)

    wrap(Model, "refresh_from_db", _of_users(refresh_from_db))
    wrap(Model, "clean_fields", _of_users(clean_fields))
    wrap(Model, "validate_constraints", _of_users(validate_constraints))


def _of_users(around: Callable[..., Any]) -> Callable[..., Any]:
    """Leave objects of all other models to Django."""

    def only(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(self, lookup.shared_user_model()):
            return around(original, self, *args, **kwargs)
        return original(self, *args, **kwargs)

    return only


def users_are_saved_as_stored() -> None:
    """What a tenant saves of a user leaves alone what is the same in all tenants."""

    def save_table(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        # By position, or by name for the parents of a model.
        fields = kwargs.get("update_fields", next(iter(args[UPDATE_FIELDS:]), None))
        changed = flags.changed_in_tenant(self, fields)
        if changed:
            raise flags.refusal(changed)
        with flags.as_stored():
            saved = original(self, *args, **kwargs)
        if lookup.tenant_of(self) is None:
            flags.forget_changes(self, fields)
        return saved

    wrap(Model, "_save_table", _of_users(save_table))


def tenants_change_no_columns_of_users() -> None:
    """The last gate: `update()`, `bulk_update()`, `bulk_create()`, new superusers."""

    def update(original: Any, self: Any) -> Any:
        _refuse_grants(self.query.model)
        if lookup.tenant_of_table(self.query.model) is not None:
            _keep_columns(self.query)
        return original(self)

    def insert(original: Any, self: Any) -> Any:
        _refuse_grants(self.query.model)
        if lookup.tenant_of_table(self.query.model) is None:
            return original(self)
        with flags.as_stored():
            _refuse_rows(self.query)
            return original(self)

    wrap(compiler.SQLUpdateCompiler, "as_sql", update)
    wrap(compiler.SQLInsertCompiler, "as_sql", insert)
    for through in _joins().values():
        m2m_changed.connect(keep_grants, sender=through, dispatch_uid=keep_grants)


def keep_grants(sender: Any, action: str, **_: object) -> None:
    """Refuse to take groups and permissions that hold on the shared site.

    By a signal, as a user who is deleted takes theirs along.
    """
    if action in {"pre_remove", "pre_clear"}:
        _refuse_grants(sender)


def _joins() -> dict[str, Any]:
    """Return the models that join users to groups and permissions, by field."""
    user, names = lookup.shared_user_model(), ("groups", "user_permissions")
    found: dict[str, Any] = {name: getattr(user, name, None) for name in names}
    return {
        name: accessor.through
        for name, accessor in found.items()
        if hasattr(accessor, "through")
    }


def _keep_columns(query: Any) -> None:
    """Let `save()` leave the columns as they are; refuse what else would set them."""
    columns = flags.columns_of(lookup.shared_user_model())
    touched = [field.attname for field, _, _ in query.values if field in columns]
    if touched and not flags.is_as_stored():
        raise flags.refusal(touched)
    query.values = [
        (field, model, F(field.attname) if field in columns else value)
        for field, model, value in query.values
    ]


def _refuse_rows(query: Any) -> None:
    """Refuse new staff and superusers of the shared site, and upserts of them."""
    columns = flags.columns_of(lookup.shared_user_model())
    names = [field.attname for field in query.fields if field in columns]
    if query.on_conflict == OnConflict.UPDATE:
        touched = [field.attname for field in columns if field in query.update_fields]
        if touched:
            raise flags.refusal(touched)
    names = [name for name in names if name != "is_active"]
    for user in query.objs:
        granted = [name for name in names if _grants(getattr(user, name))]
        if granted:
            raise flags.refusal(granted)


def _grants(value: Any) -> bool:
    """Whether the value makes somebody staff; the table's own default does not."""
    return bool(value) and not isinstance(value, DatabaseDefault)


def _refuse_grants(model: Any) -> None:
    """Refuse to change the groups and permissions that hold on the shared site."""
    owner = model._meta.auto_created
    if not owner or lookup.tenant_of_table(owner) is None:
        return
    for name, through in _joins().items():
        if through is model:
            raise flags.refusal([name])


def permissions_are_the_memberships() -> None:
    """`groups` and `user_permissions` of a shared user are the same in all tenants."""

    def user_permissions(original: Any, self: Any, user: Any) -> Any:
        standing = lookup.standing(user)
        return original(self, user) if standing is None else permissions.own(standing)

    def group_permissions(original: Any, self: Any, user: Any) -> Any:
        standing = lookup.standing(user)
        if standing is None:
            return original(self, user)
        return permissions.of_groups(standing)

    def with_perm(original: Any, self: Any, perm: Any, *args: Any, **kw: Any) -> Any:
        found = original(self, perm, *args, **kw)  # refuses what is no permission
        tenant = lookup.tenant_of_users(found.model)
        if tenant is None or found.query.is_empty():
            return found
        named = dict(zip(("is_active", "include_superusers"), args, strict=False))
        named.update({name: value for name, value in kw.items() if name != "obj"})
        users = permissions.members_with(perm, tenant, **named)
        return found.model._default_manager.filter(users)

    wrap(backends.ModelBackend, "_get_user_permissions", user_permissions)
    wrap(backends.ModelBackend, "_get_group_permissions", group_permissions)
    wrap(backends.ModelBackend, "with_perm", with_perm)
