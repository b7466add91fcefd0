"""Makes the demo's place anew: a folder, and where needed a PostgreSQL database.

Only what the demo made itself is removed: the folder by the record that it left there,
the database by the comment that it carries.
"""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError
from django.db.utils import ConnectionHandler

from tenantry.exceptions import TenantryError

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

RECORD = "tenantry-demo.json"
COMMENT = "made by python -m tenantry.demo"


class DemoError(TenantryError):
    """The demo cannot be made here; the text says why, and what to do."""


def start_folder(folder: Path) -> None:
    """Make the folder; remove what an earlier demo left there.

    Raises `DemoError` where the folder holds anything else.
    """
    if folder.exists():
        if any(folder.iterdir()) and not (folder / RECORD).is_file():
            raise DemoError(
                f"{folder} holds files that the demo did not make, and it begins by "
                "emptying its folder. Name another: --data DIR."
            )
        shutil.rmtree(folder)
    folder.mkdir(parents=True)
    write_record(folder)


def write_record(folder: Path, **facts: Any) -> None:
    """Note that the folder is the demo's, and what is known of its tenants."""
    (folder / RECORD).write_text(json.dumps({"made_by": "tenantry.demo", **facts}))


def start_database(
    settings: dict[str, Any], *, roles: Collection[str] = (), password: str = ""
) -> None:
    """Make the PostgreSQL database anew, and plain roles; the last of them owns it.

    Raises `DemoError` where no server answers, or the name is another's database.
    """
    name = settings["NAME"]
    maintenance = {
        **settings,
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "CONN_MAX_AGE": 0,
    }
    handler = ConnectionHandler({"default": maintenance})
    try:
        with handler["default"].cursor() as cursor:
            for role in roles:
                _make_role(cursor, role, password)
            _recreate(cursor, name, [*roles])
    except ImproperlyConfigured as error:
        raise DemoError(
            f"{error}. Install the driver: pip install 'django-tenantry[postgres]'."
        ) from error
    except DatabaseError as error:
        raise DemoError(_no_server(settings, error)) from error
    finally:
        handler.close_all()


def _make_role(cursor: Any, role: str, password: str) -> None:
    """Make a role, or give one of an earlier demo this demo's password."""
    cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [role])
    act = "ALTER" if cursor.fetchone() else "CREATE"
    rights = "LOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE"
    cursor.execute(f'{act} ROLE "{role}" {rights} PASSWORD %s', [password])


def _recreate(cursor: Any, name: str, roles: list[str]) -> None:
    cursor.execute(
        "SELECT coalesce(shobj_description(oid, 'pg_database'), '') "
        "FROM pg_database WHERE datname = %s",
        [name],
    )
    found = cursor.fetchone()
    if found is not None and found[0] != COMMENT:
        raise DemoError(
            f"There is a PostgreSQL database {name!r} that the demo did not make. "
            "Rename or drop it, or name another server in TENANTRY_DEMO_POSTGRES_URL."
        )
    cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    owner = f' OWNER "{roles[-1]}"' if roles else ""
    cursor.execute(f'CREATE DATABASE "{name}"{owner}')
    cursor.execute(f"COMMENT ON DATABASE \"{name}\" IS '{COMMENT}'")


def _no_server(settings: dict[str, Any], error: DatabaseError) -> str:
    reason = " ".join(str(error).split())
    return (
        f"PostgreSQL at {settings['HOST']}:{settings['PORT']} cannot be used: {reason} "
        "Start one (docker run -d -p 5432:5432 -e POSTGRES_HOST_AUTH_METHOD=trust "
        "postgres), or name one whose role may create databases: "
        "TENANTRY_DEMO_POSTGRES_URL=postgresql://user:password@host:5432. "
        "`--isolation database` needs no server."
    )
