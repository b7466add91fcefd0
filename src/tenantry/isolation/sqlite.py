"""A SQLite file per tenant: made, copied, adopted and removed."""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote as quote_url

from django.db import connections

from tenantry.conf import Problem, conf
from tenantry.exceptions import NotSupported
from tenantry.isolation.base import Template
from tenantry.isolation.engines import Engine
from tenantry.isolation.identifiers import quote

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class SQLite(Engine):
    """A file per tenant, in 256 folders, so that none of them grows large.

    Files are made by linking a finished copy to its name: a name is either not there
    or whole. Opened with `mode=rw`: a missing file is an error, not an empty database.
    """

    default_name = "{key}"
    max_bytes = 200
    supports_adoption = True
    side_files = ("-wal", "-shm", "-journal")

    @property
    def directory(self) -> Path:
        """Where the files of this placement are; in tests, a folder that goes.

        Beside the test database where that is a file, so that it is kept with it.
        """
        if self.isolation.in_tests:
            name = str(self.settings["NAME"])
            if "memory" in name:
                return folder_for_tests(name, os.getpid())
            return Path(f"{name}.{self.isolation.placement.alias}")
        given = self.options.get("DIRECTORY")
        if given:
            return Path(given)
        return Path(self.settings["NAME"]).resolve().parent / "tenants"

    def leave_tests(self, locations: Iterable[str]) -> None:
        """Remove the folder, templates and all."""
        del locations
        shutil.rmtree(self.directory, ignore_errors=True)

    def problems(self) -> list[Problem]:
        """A database in memory has no folder beside it."""
        name = conf.real_names.get(self.database, "")
        if not self.options.get("DIRECTORY") and (not name or "memory" in name):
            return [
                Problem(
                    "E014",
                    f"DATABASES[{self.database!r}] is in memory, so there is no folder "
                    "beside it for the tenants' files.",
                    "Set OPTIONS['DIRECTORY'] of the placement.",
                )
            ]
        return []

    def location_for(self, key: str, *, in_tests: bool = False) -> str:
        """Return the file's path within the directory: `3f/acme.sqlite3`."""
        del in_tests  # the directory is another one then
        name = super().location_for(key)
        shard = hashlib.sha256(name.encode()).hexdigest()[:2]
        return f"{shard}/{name}.sqlite3"

    def template_location(self, token: str) -> str:
        """Return the template's path within the directory."""
        return f"template/{token}.sqlite3"

    def path(self, location: str) -> Path:
        """Return the file's full path."""
        return self.directory / location

    def wrapper_settings(self, location: str) -> dict[str, Any]:
        """Return settings with write-ahead log, busy timeout, and no silent file."""
        settings = super().wrapper_settings(location)
        settings["NAME"] = f"file:{quote_url(str(self.path(location)))}?mode=rw"
        options = settings["OPTIONS"]
        options.setdefault("timeout", 20)
        options.setdefault("transaction_mode", "IMMEDIATE")
        options.setdefault("init_command", "PRAGMA synchronous=NORMAL")
        return settings

    def exists(self, location: str) -> bool:
        """Whether the file is there."""
        return self.path(location).is_file()

    def create_empty(self, location: str) -> None:
        """Make an empty file, in write-ahead-log mode for good."""
        import sqlite3  # noqa: PLC0415  (a Python may lack it; other engines need not)

        path = self.path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(path)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
        finally:
            connection.close()

    def copy(self, template: str, location: str) -> None:
        """Copy the template's file, then give it its name."""
        self.install(self.path(template), location)

    def install(self, source: Path, location: str) -> None:
        """Put a copy of the file at the location; raise where one is there."""
        path = self.path(location)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
        try:
            shutil.copyfile(source, unfinished)
            os.link(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)

    def destroy(self, location: str) -> None:
        """Remove the file and those that SQLite keeps beside it."""
        path = self.path(location)
        path.unlink(missing_ok=True)
        for suffix in self.side_files:
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        for left_over in path.parent.glob(f".{path.name}.*"):
            left_over.unlink(missing_ok=True)

    def seal(self, location: str) -> Template | None:
        """Write the log back into the file, so that the file alone is the template."""
        import sqlite3  # noqa: PLC0415  (as above)

        connection = sqlite3.connect(self.path(location))
        try:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        finally:
            connection.close()
        return Template(token=location)

    def adopt(
        self, location: str, tables: Sequence[str], halves: Sequence[str]
    ) -> None:
        """Copy the tables to the tenant's file, then remove them from the shared one.

        The caller's transaction has the write lock, so no row can come in between.
        """
        shared = connections[self.database]
        kept = {*tables, "django_migrations"}
        unfinished = self.path(location).with_name(f".{uuid.uuid4().hex}")
        unfinished.parent.mkdir(parents=True, exist_ok=True)
        try:
            counts = _copy_tables(Path(self.settings["NAME"]), unfinished, kept)
            # Of a process that died before it had removed the rows: out of date by now.
            self.destroy(location)
            self.install(unfinished, location)
        finally:
            unfinished.unlink(missing_ok=True)
        with shared.cursor() as cursor:
            cursor.execute("PRAGMA defer_foreign_keys = ON")
            for table in tables:
                cursor.execute(f"SELECT count(*) FROM {quote(table)}")
                if cursor.fetchone()[0] != counts[table]:
                    msg = f"Table {table} was not copied whole; nothing was removed."
                    raise NotSupported(msg)
                cursor.execute(f"DELETE FROM {quote(table)}")
            for table in tables:
                if table not in halves:
                    cursor.execute(f"DROP TABLE {quote(table)}")

    def describe(self, location: str) -> dict[str, str]:
        """Return the file's path."""
        return {"file": str(self.path(location))}


@functools.cache
def folder_for_tests(name: str, process: int) -> Path:
    """Return the folder of a test database's tenants; removed with the process."""
    from multiprocessing.util import Finalize  # noqa: PLC0415  (for tests only)

    del name, process  # what the folder is kept for
    folder = Path(tempfile.mkdtemp(prefix="tenantry-test-"))
    # Processes that multiprocessing starts end without Python's own `atexit`.
    Finalize(
        None,
        shutil.rmtree,
        args=(folder,),
        kwargs={"ignore_errors": True},
        exitpriority=0,
    )
    return folder


def _copy_tables(source: Path, target: Path, kept: set[str]) -> dict[str, int]:
    """Copy a file with these tables only; return how many rows each has."""
    import sqlite3  # noqa: PLC0415  (a Python may lack it; other engines need not)

    origin, copied = sqlite3.connect(source), sqlite3.connect(target)
    try:
        origin.backup(copied)
        copied.execute("PRAGMA foreign_keys = OFF")
        found = copied.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' "
            "AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        ).fetchall()
        counts = {}
        for (table,) in found:
            if table not in kept:
                copied.execute(f"DROP TABLE {quote(table)}")
            else:
                query = f"SELECT count(*) FROM {quote(table)}"
                counts[table] = copied.execute(query).fetchone()[0]
        copied.commit()
        copied.execute("VACUUM")
        copied.execute("PRAGMA journal_mode = WAL")
        return counts
    finally:
        origin.close()
        copied.close()
