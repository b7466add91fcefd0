"""The page of services says what the tests say."""

import subprocess
import sys

from tests import services


def test_the_page_lists_what_the_tests_try():
    # In a process of its own: pytest is not made to collect within a run.
    command = [sys.executable, "-m", "tests.services", "--check"]
    done = subprocess.run(command, cwd=services.ROOT, check=False)
    assert done.returncode == 0, f"run: {' '.join(command[:-1])}"


def test_control_a_page_that_says_something_else_is_found(monkeypatch):
    monkeypatch.setattr(services, "table", lambda: "as the tests say\n")
    page = f"before {services.BEGIN}another table{services.END} after"
    assert services.rewritten(page) != page
    assert services.rewritten(services.rewritten(page)) == services.rewritten(page)
