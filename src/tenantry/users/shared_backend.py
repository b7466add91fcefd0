"""`SharedUserBackend`: shared users, on the shared site and at work in tenants."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.apps import apps
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.views.decorators.debug import sensitive_variables

from tenantry.conf import conf
from tenantry.context import get_tenant
from tenantry.users.counterparts import load

__all__ = ["SharedUserBackend"]


class SharedUserBackend(ModelBackend):
    """Signs `SHARED_USER_MODEL` in on the shared site; loads counterparts in tenants.

    List it first. Where shared users are a model of their own, the other backends are
    not asked on the shared site: they know tenants' users only.
    """

    @sensitive_variables("password")
    def authenticate(
        self,
        request: Any,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """Return the shared user of that name and password; in a tenant nobody.

        Raises `PermissionDenied` for a wrong one where no other backend may be asked.
        """
        del request
        if get_tenant() is not None or password is None:
            return None
        model = apps.get_model(conf.shared_user_model)
        name = kwargs.get(model.USERNAME_FIELD) if username is None else username
        if name is None:
            return None
        try:
            user = model._default_manager.get_by_natural_key(name)
        except model.DoesNotExist:
            model().set_password(password)  # takes as long as for one who exists
        else:
            if user.check_password(password) and self.user_can_authenticate(user):
                return user
        if conf.shared_user_model != conf.auth_user_model:
            raise PermissionDenied
        return None

    @sensitive_variables("password")
    async def aauthenticate(
        self,
        request: Any,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """As `authenticate`."""
        return await sync_to_async(self.authenticate)(
            request, username, password, **kwargs
        )

    def get_user(self, user_id: Any) -> Any:
        """Return the shared user; in a tenant the counterpart, if it may be there."""
        if get_tenant() is not None:
            return load(user_id)
        model = apps.get_model(conf.shared_user_model)
        user = model._default_manager.filter(pk=user_id).first()
        return user if user is not None and self.user_can_authenticate(user) else None

    async def aget_user(self, user_id: Any) -> Any:
        """As `get_user`."""
        return await sync_to_async(self.get_user)(user_id)
