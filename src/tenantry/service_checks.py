"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from contextlib import suppress
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.urls import get_resolver
from django.utils.module_loading import import_string

from tenantry.conf import Problem, conf
from tenantry.options import SCOPES
from tenantry.scopes.cache import TenantCache, cache_knows_tenant

if TYPE_CHECKING:
    from collections.abc import Iterator

MAIL_BACKEND = "tenantry.scopes.mail.TenantEmailBackend"
SHARED_CACHE = "shared"  # an alias of that name says so
TENANT_CACHE = f"{TenantCache.__module__}.{TenantCache.__qualname__}"
DUMMY = "django.core.cache.backends.dummy.DummyCache"
DJANGO_CACHED = "django.template.loaders.cached.Loader"
TENANTS_LOADERS = ("tenantry.scopes.templates.",)


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()
    yield from _settings()
    yield from _secrets()
    yield from _mailers()
    yield from _caches()
    yield from _sessions()
    yield from _templates()
    yield from _sites()
    yield from _queues()
    yield from _django_tasks()
    yield from _channel_layers()
    yield from _shared_admin()


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


def _caches() -> Iterator[Problem]:
    """Find caches in which tenants would read each other's values."""
    for alias, settings in conf.caches.items() if conf.chose_caches else ():
        backend = settings.get("BACKEND")
        if backend == TENANT_CACHE and not settings.get("OPTIONS", {}).get("BACKEND"):
            yield Problem(
                "E057",
                f"CACHES[{alias!r}] is a TenantCache around nothing.",
                "Name the backend that keeps the values in its OPTIONS['BACKEND'].",
            )
        elif (
            alias != SHARED_CACHE
            and backend != DUMMY
            and not cache_knows_tenant(settings)
        ):
            yield Problem(
                "W056",
                f"CACHES[{alias!r}] does not know the tenant: what one tenant puts "
                "into it, another reads.",
                f"Let {TENANT_CACHE} be its BACKEND, with {backend} in its OPTIONS; or "
                f"name the alias {SHARED_CACHE!r} where that is what you want.",
            )


def _sessions() -> Iterator[Problem]:
    """Find a cookie that holds one session for the hosts of several tenants."""
    if conf.has_scope("sessions") and conf.session_cookie_domain:
        yield Problem(
            "W058",
            f"SESSION_COOKIE_DOMAIN is {conf.session_cookie_domain!r}: tenants below "
            "it share one cookie, and each one's session ends the other's.",
            "Leave it unset, so that each host has its own cookie; hand logins over "
            "by `tenantry.scopes.handover`.",
        )


def _templates() -> Iterator[Problem]:
    """Find Django's cache around loaders that know the tenant."""
    for engine in conf.templates:
        for loader in engine.get("OPTIONS", {}).get("loaders") or ():
            if isinstance(loader, str) or loader[0] != DJANGO_CACHED:
                continue
            for each in loader[1]:
                name = each if isinstance(each, str) else each[0]
                if name.startswith(TENANTS_LOADERS):
                    yield Problem(
                        "E069",
                        f"TEMPLATES has {name!r} within Django's cached Loader, which "
                        "shows the templates of one tenant to another.",
                        "Use 'tenantry.scopes.templates.CachedLoader' in its place.",
                    )


def _named(path: Any) -> Any:
    """Return the class that a setting names; None where the service itself says so."""
    try:
        return import_string(path)
    except (ImportError, TypeError):
        return None


def _queues() -> Iterator[Problem]:
    """Find queues of background tasks that are tables of tenants."""
    for alias, given in conf.tasks.items():
        backend = _named(given.get("BACKEND"))
        owner = backend and apps.get_containing_app_config(backend.__module__)
        if owner is None or not conf.in_tenants(owner.label):
            continue
        yield Problem(
            "W073",
            f"The queue of TASKS[{alias!r}] is in tables of app {owner.label!r}, which "
            "tenants have: a worker of the shared site sees none of their tasks.",
            f"Name {owner.label!r} in SHARED_APPS only: its tasks run in their tenant. "
            "Or run a worker in each tenant.",
        )


def _django_tasks() -> Iterator[Problem]:
    """Find the package django-tasks where it does not know the tenant."""
    ours = apps.is_installed("tenantry.contrib.django_tasks")
    if conf.has_scope("tasks") and apps.is_installed("django_tasks") and not ours:
        yield Problem(
            "W074",
            "Tasks of 'django_tasks' run with no tenant.",
            "Add 'tenantry.contrib.django_tasks.TenantTasksConfig' to INSTALLED_APPS.",
        )


def _channel_layers() -> Iterator[Problem]:
    """Find channel layers none of which tells tenants' groups apart."""
    layers = [_named(given.get("BACKEND")) for given in conf.channel_layers.values()]
    known = [layer for layer in layers if layer is not None]
    if known and not any(getattr(layer, "knows_tenant", False) for layer in known):
        yield Problem(
            "W075",
            "No entry of CHANNEL_LAYERS knows the tenant: a group of one name is the "
            "same in all of them.",
            "Put 'tenantry.contrib.channels.TenantChannelLayer' around the layer.",
        )


def _shared_admin() -> Iterator[Problem]:
    """Find an admin on the shared site that has no tables there."""
    if not conf.shared_urlconf or not apps.is_installed("django.contrib.admin"):
        return
    with suppress(ImportError, ImproperlyConfigured):  # told by others
        if "admin" in get_resolver(conf.shared_urlconf).app_dict:
            yield from _tables_of_admin()


def _tables_of_admin() -> Iterator[Problem]:
    needed = {"admin", "contenttypes", conf.auth_user_model.partition(".")[0]}
    missing = sorted(label for label in needed if not conf.in_shared(label))
    if missing:
        yield Problem(
            "W079",
            f"The shared site ({conf.shared_urlconf}) serves an admin, and "
            f"{', '.join(missing)} is not in TENANTRY['SHARED_APPS'].",
            "Add it there, or take the admin out of that URLconf.",
        )


def _sites() -> Iterator[Problem]:
    """Find sites in tenants' tables, of which Django keeps one for all of them."""
    if conf.in_tenants("sites") and not conf.has_scope("sites"):
        yield Problem(
            "W071",
            "'sites' is in TENANT_APPS, and TENANTRY['SCOPES'] has no 'sites': Django "
            "keeps a Site by SITE_ID alone, and shows one tenant's to another.",
            "Add 'sites' to SCOPES, or leave SCOPES out.",
        )
