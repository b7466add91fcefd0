"""Seams of people: what Django says of a shared user is said for the active tenant.

As those of `tenantry.seams`, each with its reason. They are in place where
`tenantry.users` is installed; `tests/users/members/test_seams.py` holds them in view.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.contrib import auth
from django.contrib.auth import backends
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ValidationError
from django.db.models import F, Model
from django.db.models.constants import OnConflict
from django.db.models.sql import compiler
from django.views.decorators.debug import sensitive_variables

from tenantry.seams.substitution import INSTALLED, wrap
from tenantry.users import flags, lookup, permissions

if TYPE_CHECKING:
    from collections.abc import Callable

SEAMS: list[Callable[[], None]] = []


def seam(install: Callable[[], None]) -> Callable[[], None]:
    """Register a function that substitutes something of Django's."""
    SEAMS.append(install)
    return install


def install() -> None:
    """Substitute all of them, once."""
    if not hasattr(Model.clean_fields, INSTALLED):
        for each in SEAMS:
            each()


@seam
def users_are_what_their_membership_says() -> None:
    """Apps ask the object: `user.is_active` admits, `is_staff` opens the admin."""
    model = lookup.shared_user_model()
    for name in flags.ANSWERS:
        setattr(model, name, flags.flag_of(model, name))
    for name in flags.CACHES:
        setattr(model, name, flags.Cache(name))


@seam
def forms_and_fixtures_have_what_is_stored() -> None:
    """What they take from an object is written back to its row."""
    for field in flags.columns_of(lookup.shared_user_model()):
        field.value_from_object = functools.partial(_stored, field)  # type: ignore[method-assign]


def _stored(field: Any, user: Any) -> Any:
    with flags.as_stored():
        return getattr(user, field.attname)


@seam
def users_are_read_and_checked_as_stored() -> None:
    """Django copies each attribute onto the object: of a fresh one, of a clean one."""

    def refresh_from_db(original: Any, self: Any, *args: Any, **kwargs: Any) -> None:
        if not isinstance(self, lookup.shared_user_model()):
            return original(self, *args, **kwargs)
        fields = kwargs.get("fields", args[1] if len(args) > 1 else None)
        with flags.as_stored():
            original(self, *args, **kwargs)
        changes = self.__dict__.get(flags.CHANGES, {})
        for name in list(changes) if fields is None else fields:
            changes.pop(name, None)
        if fields is None:
            lookup.forget(self)
        return None

    def clean_fields(original: Any, self: Any, exclude: Any = None) -> None:
        if not isinstance(self, lookup.shared_user_model()):
            return original(self, exclude=exclude)
        with flags.as_stored():
            original(self, exclude=exclude)
        refused = set(flags.changed_in_tenant(self)) - set(exclude or ())
        if refused and not self._state.adding:
            error = str(flags.refuse(sorted(refused)))
            raise ValidationError(dict.fromkeys(refused, error))
        return None

    def validate_constraints(original: Any, self: Any, exclude: Any = None) -> None:
        if not isinstance(self, lookup.shared_user_model()):
            return original(self, exclude=exclude)
        with flags.as_stored():
            return original(self, exclude=exclude)

    wrap(Model, "refresh_from_db", refresh_from_db)
    wrap(Model, "clean_fields", clean_fields)
    wrap(Model, "validate_constraints", validate_constraints)


@seam
def users_are_saved_as_stored() -> None:
    """What a tenant saves of a user leaves alone what is the same in all tenants."""

    def save_table(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(self, lookup.shared_user_model()):
            return original(self, *args, **kwargs)
        fields = kwargs.get("update_fields", args[5] if len(args) > 5 else None)  # noqa: PLR2004  (Django's order)
        changed = [
            name
            for name in flags.changed_in_tenant(self)
            if fields is None or name in fields
        ]
        if changed and not self._state.adding:
            raise flags.refuse(changed)
        with flags.as_stored():
            saved = original(self, *args, **kwargs)
        if lookup.tenant_of(self) is None and fields is None:
            self.__dict__.pop(flags.CHANGES, None)
        return saved

    wrap(Model, "_save_table", save_table)


@seam
def tenants_change_no_columns_of_users() -> None:
    """The last gate: `update()`, `bulk_update()`, `bulk_create()`, new superusers."""

    def update(original: Any, self: Any) -> Any:
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


def _keep_columns(query: Any) -> None:
    """Let `save()` leave the columns as they are; refuse what else would set them."""
    columns = flags.columns_of(lookup.shared_user_model())
    touched = [field.attname for field, _, _ in query.values if field in columns]
    if touched and not flags.is_as_stored():
        raise flags.refuse(touched)
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
            raise flags.refuse(touched)
    for user in query.objs:
        granted = [
            name for name in names if name != "is_active" and getattr(user, name)
        ]
        if granted:
            raise flags.refuse(granted)


def _refuse_grants(model: Any) -> None:
    """Refuse groups and permissions that would hold on the shared site."""
    if not model._meta.auto_created or lookup.tenant_of_table(model._meta.auto_created) is None:
        return
    for name in ("groups", "user_permissions"):
        accessor = getattr(lookup.shared_user_model(), name, None)
        if getattr(accessor, "through", None) is model:
            raise flags.refuse([name])


@seam
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


@seam
def members_are_authenticated() -> None:
    """Who is no member is refused as for a wrong password, after the same work."""
    _authenticate()
    _aauthenticate()

    def check(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        lookup.standing(self)  # asked for whether or not the password is right
        return original(self, *args, **kwargs)

    async def acheck(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        await lookup.astanding(self)
        return await original(self, *args, **kwargs)

    def can_authenticate(original: Any, self: Any, user: Any) -> Any:
        return original(self, user) and lookup.admits(user)

    wrap(AbstractBaseUser, "check_password", check)
    wrap(AbstractBaseUser, "acheck_password", acheck)
    for backend in (
        backends.AllowAllUsersModelBackend,
        backends.AllowAllUsersRemoteUserBackend,
    ):
        wrap(backend, "user_can_authenticate", can_authenticate)


def _authenticate() -> None:
    original = backends.ModelBackend.authenticate

    @functools.wraps(original)
    @sensitive_variables()  # so without `wrap`: credentials are in every frame
    def authenticate(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lookup.watched() as asked:
            user = original(self, *args, **kwargs)
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is not None and not asked:
            lookup.ask_for_nobody(tenant)
        return user

    setattr(authenticate, INSTALLED, original)
    backends.ModelBackend.authenticate = authenticate  # type: ignore[method-assign]


def _aauthenticate() -> None:
    original = backends.ModelBackend.aauthenticate

    @functools.wraps(original)
    @sensitive_variables()
    async def aauthenticate(self: Any, *args: Any, **kwargs: Any) -> Any:
        with lookup.watched() as asked:
            user = await original(self, *args, **kwargs)
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is not None and not asked:
            await lookup.aask_for_nobody(tenant)
        return user

    setattr(aauthenticate, INSTALLED, original)
    backends.ModelBackend.aauthenticate = aauthenticate  # type: ignore[method-assign]


@seam
def users_are_loaded_with_their_membership() -> None:
    """One query for both, so that a request costs what it does without us."""

    def get_user(original: Any, self: Any, user_id: Any) -> Any:
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is None:
            return original(self, user_id)
        user = lookup.load(auth.get_user_model(), user_id, tenant)
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(original: Any, self: Any, user_id: Any) -> Any:
        tenant = lookup.tenant_of_users(auth.get_user_model())
        if tenant is None:
            return await original(self, user_id)
        user = await lookup.aload(auth.get_user_model(), user_id, tenant)
        return user if user is not None and self.user_can_authenticate(user) else None

    wrap(backends.ModelBackend, "get_user", get_user)
    wrap(backends.ModelBackend, "aget_user", aget_user)


@seam
def sessions_end_with_the_membership() -> None:
    """Backends of others return users of a session whether or not they are active."""

    def get_user(original: Any, request: Any) -> Any:
        user = original(request)
        return user if lookup.admits(user) else AnonymousUser()

    async def aget_user(original: Any, request: Any) -> Any:
        user = await original(request)
        await lookup.astanding(user)
        return user if lookup.admits(user) else AnonymousUser()

    wrap(auth, "get_user", get_user)
    wrap(auth, "aget_user", aget_user)
