"""The demo in a folder of its own, started as `make demo` does, and asked for pages."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

import pytest

SETTINGS = "tenantry.demo.settings"
PATIENCE_SECONDS = 60


@dataclass
class Demo:
    """Starts the demo in a folder of its own, as `make demo` does."""

    folder: Path
    environment: dict[str, str] = field(default_factory=lambda: dict(os.environ))

    def start(self, *arguments, code=None):
        program = ["-c", code] if code else ["-m", "tenantry.demo"]
        # What a shell runs in the background ignores Ctrl-C; so would what it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return subprocess.Popen(
            [sys.executable, "-W", "error", *program, *map(str, arguments)],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments, code=None):
        process = self.start(*arguments, code=code)
        out, err = process.communicate(timeout=PATIENCE_SECONDS)
        return process.returncode, out, err

    def manage(self, *arguments):
        return subprocess.run(
            [sys.executable, "-m", "django", *arguments],
            cwd=self.folder,
            env={
                **self.environment,
                "DJANGO_SETTINGS_MODULE": SETTINGS,
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )


def get(port, host, path="/"):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}{path}", headers={"Host": f"{host}:{port}"}
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310  (ours)
        return response.read().decode()


def wait_until_served(process, port):
    until = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            get(port, "localhost")
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    process.kill()
    pytest.fail(process.communicate()[1])
