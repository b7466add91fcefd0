"""`dbshell`: psql begins where the active tenant's statements would look."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

from django.db.backends.postgresql import client

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tenantry.backends.postgresql.base import DatabaseWrapper


class DatabaseClient(client.DatabaseClient):
    """Django's own, with the tenant in the settings that the session begins with."""

    def runshell(self, parameters: Iterable[str]) -> None:
        """Run psql; Django asks this object for its environment, pg_dump the class."""
        self.settings_to_cmd_args_env = self._with_settings  # type: ignore[method-assign]
        super().runshell(parameters)

    def _with_settings(
        self, settings_dict: dict[str, Any], parameters: Iterable[str]
    ) -> tuple[list[str], dict[str, str]]:
        """Return Django's arguments, and its environment with the settings added."""
        made = type(self).settings_to_cmd_args_env(settings_dict, parameters)
        given = os.environ.get("PGOPTIONS", "")
        settings = cast("DatabaseWrapper", self.connection).carried().settings
        options = [f"-c {name}={_escaped(value)}" for name, value in settings]
        joined = " ".join([given, *options]).strip()
        return made[0], {**(made[1] or {}), "PGOPTIONS": joined}


def _escaped(value: str) -> str:
    """Return a value as PGOPTIONS has it, which is split at bare spaces."""
    return value.replace("\\", "\\\\").replace(" ", "\\ ")
