"""Mail of the active tenant: its own connection, whenever something is sent.

Sender and prefix are settings (`DEFAULT_FROM_EMAIL`, …) and need nothing of this.
"""

from __future__ import annotations

from typing import Any

import django
from django.core.exceptions import ImproperlyConfigured
from django.core.mail.backends.base import BaseEmailBackend
from django.utils.module_loading import import_string

from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import ACTIVE
from tenantry.declared_settings import MISSING

__all__ = ["TenantEmailBackend"]

# What a mailer's OPTIONS call the settings, from Django 6.1 on.
OPTIONS = {
    "EMAIL_HOST": "host",
    "EMAIL_PORT": "port",
    "EMAIL_HOST_USER": "username",
    "EMAIL_HOST_PASSWORD": "password",
    "EMAIL_USE_TLS": "use_tls",
    "EMAIL_USE_SSL": "use_ssl",
    "EMAIL_TIMEOUT": "timeout",
}
HAS_ALIASES = django.VERSION >= (6, 1)


class TenantEmailBackend(BaseEmailBackend):
    """Sends by a connection of the active tenant's, made by another backend.

    Django's own takes the settings when it is made, and keeps them: a connection or a
    message that is kept would send by the tenant of its first use. *backend* is the
    other one's path, `TENANTRY["EMAIL_BACKEND"]` unless given; whatever else is given
    is handed on to it.
    """

    def __init__(
        self,
        fail_silently: bool = False,  # noqa: FBT001, FBT002  (Django's own)
        *,
        alias: str | None = None,
        backend: str | None = None,
        **options: Any,
    ) -> None:
        named: dict[str, Any] = {"alias": alias} if HAS_ALIASES else {}
        super().__init__(**named)
        self.fail_silently = fail_silently
        self._alias = alias
        self._backend = backend
        self._options = options
        self._opened: dict[str | None, Any] = {}

    def make(self) -> Any:
        """Return a new connection of the active tenant's."""
        options = {**self._options, **own_options(self._alias)}
        if self.fail_silently:
            options["fail_silently"] = True
        if HAS_ALIASES:
            options["alias"] = self._alias
        path = self._backend or conf.email_backend
        try:
            backend = import_string(path)
        except ImportError as error:
            msg = f"TenantEmailBackend sends by {path!r}, which is not found: {error}"
            raise ImproperlyConfigured(msg) from error
        return backend(**options)

    def open(self) -> Any:
        """Open the active tenant's connection, to be kept until `close()`."""
        made = self._opened.setdefault(_label(), self.make())
        return made.open()

    def close(self) -> None:
        """Close what was opened, of every tenant."""
        while self._opened:
            self._opened.popitem()[1].close()

    def send_messages(self, email_messages: Any) -> Any:
        """Send by the active tenant's connection, the open one where it is open."""
        made = self._opened.get(_label()) or self.make()
        return made.send_messages(email_messages)


def _label() -> str | None:
    tenant = ACTIVE.get()
    return None if tenant is None else tenant.label


def own_options(alias: str | None) -> dict[str, Any]:
    """Return what the active tenant has of its own, as options of a mailer.

    Without a mailer (MAILERS), the backend reads the settings itself.
    """
    tenant = ACTIVE.get()
    if tenant is None or alias is None or not conf.has_scope("settings"):
        return {}
    own = registry.remembered(tenant.key).settings
    found = {option: own[name] for name, option in OPTIONS.items()}
    return {name: value for name, value in found.items() if value is not MISSING}
