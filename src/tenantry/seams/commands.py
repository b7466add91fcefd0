"""Seams of management commands: what they say where tenants are concerned."""

from __future__ import annotations

import shlex
import sys
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.core.management.commands import runserver
from django.db import router

from tenantry.catalog.models import State
from tenantry.catalog.registry import registry
from tenantry.conf import conf
from tenantry.context import override_tenant
from tenantry.exceptions import NoActiveTenant
from tenantry.seams.substitution import seam, wrap

MOST_LISTED = 10


@seam
def commands_say_how_they_are_run_for_a_tenant() -> None:
    """A command that needs a tenant would end in a traceback of its own queries.

    Only as it is run from the shell: `call_command` raises what happened.
    """

    def run_from_argv(original: Any, self: Any, argv: list[str]) -> None:
        try:
            original(self, argv)
        except NoActiveTenant as error:
            if "--traceback" in argv:
                raise
            words = shlex.join(argv[1:])
            self.stderr.write(
                f"{error.what} belongs to tenants, and no tenant is active. Run the "
                f"command for one tenant, or leave out --only for all:\n"
                f"    manage.py tenants run --only KEY -- {words}\n"
                "(--traceback shows where the tenant was needed.)"
            )
            sys.exit(1)

    wrap(BaseCommand, "run_from_argv", run_from_argv)


@seam
def stale_content_types_are_not_passed_over() -> None:
    """The command asks what may be migrated, and would do nothing, and say nothing."""
    if not apps.is_installed("django.contrib.contenttypes"):
        return
    from django.contrib.contenttypes import models  # noqa: PLC0415  (has models)
    from django.contrib.contenttypes.management.commands import (  # noqa: PLC0415
        remove_stale_contenttypes,
    )

    def handle(original: Any, self: Any, **options: Any) -> None:
        router.db_for_write(models.ContentType)
        original(self, **options)

    wrap(remove_stale_contenttypes.Command, "handle", handle)


@seam
def the_development_server_lists_tenants() -> None:
    """The one address that it prints is the shared site's."""

    def on_bind(original: Any, self: Any, server_port: int) -> None:
        original(self, server_port)
        for line in addresses(self.protocol, server_port) if conf.debug else ():
            self.stdout.write(line)

    wrap(runserver.Command, "on_bind", on_bind)


def addresses(scheme: str, port: int) -> list[str]:
    """Return a line for each of the first tenants, with the URL to open in DEBUG."""
    with override_tenant(None):
        rows = registry.tenant_model._base_manager.filter(state=State.ACTIVE)
        first = list(rows.order_by("key")[: MOST_LISTED + 1])
    lines = ["Tenants:"] if first else []
    lines += [
        f"  {row.key}: {scheme}://{row.slug}.localhost:{port}/"
        for row in first[:MOST_LISTED]
    ]
    if len(first) > MOST_LISTED:
        lines.append("  and more: manage.py tenants list")
    return lines
