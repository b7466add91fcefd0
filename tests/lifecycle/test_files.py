"""SQLite files: how they are opened, where they lie, and what a missing one is."""

import pytest

from tests.lifecycle import acts
from tests.projects import PROVE, SQLITE, Project


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    project = Project(SQLITE, tmp_path_factory.mktemp("files") / "p")
    project.manage("migrate", "-v0").ok()
    project.call(acts.provision, "acme")
    yield project
    project.close()


def pragmas():
    from django.db import connection

    from tenantry import override_tenant

    with override_tenant("acme"), connection.cursor() as cursor:
        names = ("journal_mode", "busy_timeout", "foreign_keys", "synchronous")
        return {name: cursor.execute(f"PRAGMA {name}").fetchone()[0] for name in names}


def test_they_have_a_write_ahead_log_and_a_busy_timeout(files):
    assert files.call(pragmas) == {
        "journal_mode": "wal",
        "busy_timeout": 20_000,
        "foreign_keys": 1,
        "synchronous": 1,
    }


def test_a_missing_file_is_an_error_and_is_not_made(files):
    files.call(acts.provision, "lost")
    (name,) = [name for name in files.locations() if "lost" in name]
    for path in (files.folder / "tenants" / name).parent.glob("lost*"):
        path.unlink()
    ended = files.attempt(acts.authors, "lost")
    assert ended.status == 1
    assert "LocationMissing: Tenant 'lost' should live in" in ended.err
    assert name not in files.locations()
    assert "LocationMissing" in files.manage("tenants", "status").out
    files.manage("tenants", "drop", "lost", "--no-input").ok()


def locations(number):
    """Return the folders of that many tenants."""
    from collections import Counter

    from tenantry.isolation import isolations

    made = (isolations["default"].location_for(f"t{n}") for n in range(number))
    return Counter(location.partition("/")[0] for location in made)


def test_folders_stay_small(files):
    number = 100_000 if PROVE else 20_000
    found = files.call(locations, number)
    assert len(found) == 256
    assert max(found.values()) < 2 * number / 256


def test_files_lie_where_their_locations_say(files):
    assert files.call(locations, 1).keys() <= {f"{n:02x}" for n in range(256)}
    for name in files.locations():
        assert (files.folder / "tenants" / name).is_file()
