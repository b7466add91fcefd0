"""Services of the test session: which are there, which tests do without.

A test that needs a service is marked with its name (``@pytest.mark.postgres``). Without
the service it is skipped and the summary names it with the command that would make it
run. A service listed in ``TENANTRY_REQUIRE`` is not for skipping: without it, the run
fails before its first test.
"""

import os

import pytest

from tests import servers
from tests.world import database  # noqa: F401  (a fixture, for every room)

SKIPPED = pytest.StashKey[dict[str, int]]()


def pytest_configure(config):
    for service in servers.FINDERS:
        config.addinivalue_line("markers", f"{service}: needs this service")
    config.addinivalue_line(
        "markers",
        "service(name, variant, by): a service of Django, what of it is tried, what "
        "isolates it; `tests.services` lists them in docs/reference/services.md",
    )
    config.stash[SKIPPED] = {}


def pytest_sessionstart(session):
    if session.config.option.collectonly:
        return
    required = {
        name.strip() for name in os.environ.get("TENANTRY_REQUIRE", "").split(",")
    }
    required.discard("")
    if unknown := required - set(servers.FINDERS):
        msg = (
            f"TENANTRY_REQUIRE names {', '.join(sorted(unknown))}; "
            f"there are {', '.join(servers.FINDERS)}"
        )
        raise pytest.UsageError(msg)
    refusals = [_explain(name) for name in sorted(required) if servers.missing(name)]
    if refusals:
        raise pytest.UsageError(
            "TENANTRY_REQUIRE asks for services that are missing", *refusals
        )


def pytest_collection_modifyitems(config, items):
    skipped = config.stash[SKIPPED]
    for item in items:
        needs = [name for name in servers.FINDERS if item.get_closest_marker(name)]
        for service in needs:
            if missing := servers.missing(service):
                item.add_marker(pytest.mark.skip(reason=f"{service}: {missing.why}"))
                skipped[service] = skipped.get(service, 0) + 1


def pytest_report_header():
    required = os.environ.get("TENANTRY_REQUIRE", "")
    return f"required services: {required}" if required else None


def pytest_terminal_summary(terminalreporter, config):
    skipped = config.stash[SKIPPED]
    if skipped:
        terminalreporter.section("services that are missing", yellow=True)
    for service, count in skipped.items():
        tests = "1 test" if count == 1 else f"{count} tests"
        terminalreporter.line(f"{tests} skipped: {_explain(service)}")


def _explain(service):
    missing = servers.missing(service)
    return f"{service}: {missing.why}\n    get it with: {missing.command}"
