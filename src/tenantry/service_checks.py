"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from typing import TYPE_CHECKING

from tenantry.conf import SCOPES, Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIL_BACKEND = "tenantry.scopes.mail.TenantEmailBackend"


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()
    yield from _settings()
    yield from _secrets()
    yield from _mailers()


def _scopes() -> Iterator[Problem]:
    """Find names in SCOPES that mean nothing."""
    for name in conf.scopes:
        if name not in SCOPES:
            near = difflib.get_close_matches(str(name), SCOPES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {SCOPES}."
            yield Problem("E055", f"TENANTRY['SCOPES'] names {name!r}.", hint)


def _settings() -> Iterator[Problem]:
    """Find what tenants may not have of their own, and what nobody would read."""
    for mistake in conf.mistakes_of_settings:
        yield Problem(mistake.id, mistake.text, mistake.hint)
    if conf.declared_settings and not conf.has_scope("settings"):
        yield Problem(
            "W067",
            "TENANTRY['SETTINGS'] declares settings, and the scope 'settings' is not "
            "in TENANTRY['SCOPES']: tenants' values are stored and not read.",
            "Add 'settings' to SCOPES, or remove SETTINGS.",
        )


def _secrets() -> Iterator[Problem]:
    """Find secrets that could not be encrypted."""
    secrets = [each.name for each in conf.declared_settings.values() if each.is_secret]
    if secrets and find_spec("cryptography") is None:
        yield Problem(
            "E066",
            f"TENANTRY['SETTINGS'] has secrets ({', '.join(secrets)}), and the library "
            "that encrypts them is not installed.",
            "pip install 'django-tenantry[secrets]'.",
        )
    if not all(
        isinstance(each, str | bytes) and each for each in conf.raw["SECRETS_KEYS"]
    ):
        yield Problem(
            "E066",
            "TENANTRY['SECRETS_KEYS'] has something that is no text, or empty.",
            "Give long random strings, the newest first.",
        )


def _mailers() -> Iterator[Problem]:
    """Find mailers that do not ask for the tenant's connection."""
    if "EMAIL_HOST" not in conf.declared_settings:
        return
    for alias, mailer in (conf.mailers or {}).items():
        if mailer.get("BACKEND") != MAIL_BACKEND:
            yield Problem(
                "W068",
                f"MAILERS[{alias!r}] sends tenants' mail by the project's connection: "
                "with MAILERS, Django does not read EMAIL_HOST.",
                f"Let its BACKEND be {MAIL_BACKEND!r}, and OPTIONS['backend'] what it "
                "was; or silence this where it is meant.",
            )
