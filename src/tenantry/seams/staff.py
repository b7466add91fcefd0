"""Seams of a shared site whose users are of another model than tenants'.

Django knows one user model, AUTH_USER_MODEL: here that is the tenants'. With
`SHARED_USER_MODEL` of the same model, or in a tenant, nothing is changed.
"""

from __future__ import annotations

import json
from typing import Any

from django.apps import apps
from django.contrib import auth

from tenantry.catalog import audit
from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.seams.substitution import seam, wrap

ACTIONS = {1: "admin.added", 2: "admin.changed", 3: "admin.deleted"}


def is_of_staff() -> bool:
    """Whether users are now of a model that is not AUTH_USER_MODEL."""
    return ACTIVE.get() is None and conf.shared_user_model != conf.auth_user_model


@seam
def sessions_of_the_shared_site_name_its_users() -> None:
    """A session keeps a primary key as text, and is read as the tenants' model's is."""

    def key(original: Any, request: Any) -> Any:
        if not is_of_staff():
            return original(request)
        return _as_key(request.session[auth.SESSION_KEY])

    async def akey(original: Any, request: Any) -> Any:
        if not is_of_staff():
            return await original(request)
        found = await request.session.aget(auth.SESSION_KEY)
        if found is None:
            raise KeyError(auth.SESSION_KEY)
        return _as_key(found)

    wrap(auth, "_get_user_session_key", key)
    wrap(auth, "_aget_user_session_key", akey)


def _as_key(text: str) -> Any:
    return apps.get_model(conf.shared_user_model)._meta.pk.to_python(text)


@seam
def the_log_of_the_shared_site_is_the_audit() -> None:
    """The admin's log refers to users of AUTH_USER_MODEL, and staff are none.

    An entry would be refused by the database, or name whoever has the same key.
    """
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib.admin.models import LogEntryManager  # noqa: PLC0415
    from django.contrib.admin.templatetags.log import AdminLogNode  # noqa: PLC0415

    def log_actions(original: Any, self: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_of_staff():
            return original(self, *args, **kwargs)
        return _recorded(*args, **kwargs)

    def render(original: Any, self: Any, context: Any) -> Any:
        if not is_of_staff():
            return original(self, context)
        context[self.varname] = []
        return ""

    wrap(LogEntryManager, "log_actions", log_actions)
    wrap(AdminLogNode, "render", render)


def _recorded(
    user_id: Any,
    queryset: Any,
    action_flag: int,
    change_message: Any = "",
    *,
    single_object: bool = False,
) -> Any:
    """Write in the audit what was done, by the user of the request."""
    if isinstance(change_message, list):
        change_message = json.dumps(change_message)
    by = apps.get_model(conf.shared_user_model)._base_manager.filter(pk=user_id).first()
    entries = [
        audit.record(
            ACTIONS[action_flag],
            actor=by,
            target=each,
            model=each._meta.label,
            pk=str(each.pk),
            message=str(change_message),
        )
        for each in queryset
    ]
    return entries[0] if single_object and entries else entries
