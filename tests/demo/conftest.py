"""A place for a demo of one's own, a port for it, and a browser."""

import socket

import pytest

from tests import servers
from tests.demo.running import Demo


@pytest.fixture
def place(tmp_path):
    return Demo(tmp_path)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        running = driver.chromium.launch(
            executable_path=servers.chromium(), args=["--no-sandbox"]
        )
        yield running
        running.close()
