"""System checks of Django's services: what does not know the tenant, and should."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.utils.module_loading import import_string

from tenantry.conf import SCOPES, Problem, conf

if TYPE_CHECKING:
    from collections.abc import Iterator


def of_services() -> Iterator[Problem]:
    """Check the settings of each service."""
    yield from _scopes()
    yield from _queues()
    yield from _django_tasks()
    yield from _channel_layers()


def _scopes() -> Iterator[Problem]:
    """Find names in SCOPES that mean nothing."""
    for name in conf.scopes:
        if name not in SCOPES:
            near = difflib.get_close_matches(str(name), SCOPES, n=1)
            hint = f"Did you mean {near[0]!r}?" if near else f"Known: {SCOPES}."
            yield Problem("E055", f"TENANTRY['SCOPES'] names {name!r}.", hint)


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
