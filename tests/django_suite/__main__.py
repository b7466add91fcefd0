"""Fetches Django's suite, runs it in the modes asked for, says what differs."""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests import servers
from tests.django_suite import BASELINE, MODES, TEN, differences, source

WITHIN = Path(__file__).with_name("within")


def main():
    """Run the modes, and end with status 1 where a difference is not as listed."""
    options = parsed()
    if missing := servers.missing("postgres"):
        sys.exit(f"{missing.why}\nget PostgreSQL with: {missing.command}")
    folder = source.fetch()
    source.install_requirements(folder)
    suite = Suite(folder, options.modes, options.labels, options.jobs)
    before = suite.run(BASELINE)
    wrong = [not suite.is_as_listed(mode, before) for mode in options.modes]
    sys.exit(any(wrong))


def parsed():
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(prog="make django-tests", description=__doc__)
    parser.add_argument("labels", nargs="*", help="as: basic queries.tests")
    parser.add_argument("--modes", nargs="*", default=MODES, choices=MODES)
    parser.add_argument("--jobs", type=int, default=min(os.cpu_count() or 1, 4))
    return parser.parse_args()


@dataclass(frozen=True)
class Suite:
    """Django's suite, as it was asked for."""

    folder: Path
    modes: list[str]
    labels: list[str]
    jobs: int

    def is_as_listed(self, mode, before):
        """Run the suite in the mode, and say what differs but as the list has it."""
        after = self.run(mode)
        unlisted, gone = differences.judge(mode, before, after)
        unlisted = self.confirmed(mode, unlisted)
        wrong = len(unlisted) + len(gone)
        say(f"{mode}: {len(after)} tests, {wrong} of them not as listed")
        for difference in unlisted:
            say(f"{mode}: not listed: {difference}")
        for pattern in gone:
            say(f"{mode}: listed, and the same: {pattern}")
        return not wrong

    def confirmed(self, mode, unlisted):
        """Return those of the differences that are there when run once more, alone.

        A few of Django's tests hang on the time that passes, or on what the server has
        left.
        """
        labels = sorted({difference.label for difference in unlisted})
        if not labels:
            return []
        before, after = self.run(BASELINE, labels), self.run(mode, labels)
        still = {difference.test for difference in differences.between(before, after)}
        return [difference for difference in unlisted if difference.test in still]

    def labels_of(self, mode):
        """Return what a mode runs; nothing means the whole suite."""
        whole = mode == "shared" or (mode == BASELINE and "shared" in self.modes)
        return self.labels or ([] if whole else TEN)

    def run(self, mode, labels=None):
        """Run the suite in one mode, or these tests; return what each test came to."""
        name = mode if labels is None else f"{mode}-again"
        labels = self.labels_of(mode) if labels is None else labels
        log, file = (self.folder / f"{name}.{kind}" for kind in ("log", "json"))
        file.unlink(missing_ok=True)
        say(f"{mode}: running {' '.join(labels) or 'the whole suite'}; see {log}")
        with log.open("w") as output:
            subprocess.run(
                [sys.executable, "-m", "tenantry_suite", str(self.jobs), *labels],
                cwd=self.folder / "tests",
                env=environment(mode, file),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                check=False,  # failures are compared, not counted
            )
        if not file.exists():
            sys.exit(f"{mode}: the run did not end as it should; its log is {log}")
        outcomes = json.loads(file.read_text())
        return {test: tuple(came_to) for test, came_to in outcomes.items()}


def environment(mode, file):
    """Return the environment of a run."""
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "tenantry_suite.settings",
        "PYTHONPATH": str(WITHIN),
        "TENANTRY_SUITE_MODE": mode,
        "TENANTRY_SUITE_DATABASE": json.dumps(database_of(mode)),
        "TENANTRY_SUITE_RESULTS": str(file),
    }


def database_of(mode):
    """Return the server and the role: PostgreSQL shows an all-mighty one every row."""
    return servers.postgres_roles()["owner"] if mode == "row" else servers.postgres()


def say(line):
    """Print a line at once: a run takes its time."""
    print(line, flush=True)


if __name__ == "__main__":
    main()
