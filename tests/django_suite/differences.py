"""The differences that are known, each with its reason; and what two runs differ in."""

import tomllib
from collections import Counter
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from tests.django_suite import MODES

FILE = Path(__file__).with_name("differences.toml")
PAGE = Path(__file__).parents[2] / "docs" / "explanation" / "django-suite.md"
HEADING = "## The differences\n\n"
NOT_RUN = ("not run", "")


@dataclass(frozen=True)
class Known:
    """Tests that come to something else, by one reason. `*` stands for anything."""

    modes: tuple[str, ...]
    tests: tuple[str, ...]
    reason: str

    def pattern(self, test):
        """Return the pattern that names the test, if one does."""
        return next((each for each in self.tests if fnmatchcase(test, each)), None)


@dataclass(frozen=True)
class Difference:
    """What a test came to, without tenantry and with it."""

    test: str
    before: tuple[str, str]
    after: tuple[str, str]

    @property
    def label(self):
        """What to run: of `setUpClass (suite.tests.Case)` the case."""
        return self.test.rpartition("(")[2].rstrip(")")

    def __str__(self):
        change = f"{self.test}: {self.before[0]}, with tenantry {self.after[0]}"
        return change + "".join(
            f"\n    {said}" for _, said in (self.before, self.after) if said
        )


def known():
    """Return the differences that the file lists."""
    return [
        Known(tuple(each["modes"]), tuple(each["tests"]), each["reason"].strip())
        for each in tomllib.loads(FILE.read_text())["difference"]
    ]


def between(before, after):
    """Return what differs among the tests of two runs, both by test's id."""
    suites = {suite_of(test) for test in before} & {suite_of(test) for test in after}
    return [
        Difference(test, before.get(test, NOT_RUN), after.get(test, NOT_RUN))
        for test in sorted(before.keys() | after.keys())
        if suite_of(test) in suites
        and before.get(test, NOT_RUN)[0] != after.get(test, NOT_RUN)[0]
    ]


def suite_of(test):
    """Return the first name of a test's id, also of `setUpClass (suite.tests.Case)`."""
    return test.rpartition("(")[2].partition(".")[0]


def judge(mode, before, after):
    """Return the unlisted differences, and the listed patterns that match none."""
    unlisted, seen = [], Counter()
    listed = [each for each in known() if mode in each.modes]
    for difference in between(before, after):
        pattern = next(filter(None, (k.pattern(difference.test) for k in listed)), None)
        seen[pattern] += 1
        if pattern is None:
            unlisted.append(difference)
    gone = [
        pattern
        for each in listed
        for pattern in each.tests
        if not seen[pattern] and any(fnmatchcase(test, pattern) for test in after)
    ]
    return unlisted, gone


def as_markdown():
    """Return the list as the documentation shows it."""
    blocks = []
    for each in known():
        everywhere = each.modes == MODES
        modes = "every mode" if everywhere else ", ".join(f"`{m}`" for m in each.modes)
        tests = "\n".join(f"  - `{test}`" for test in each.tests)
        blocks.append(f"- {each.reason} ({modes})\n\n{tests}\n")
    return "\n".join(blocks)


def write_page():
    """Put the list at the end of the documentation's page."""
    text, heading, _ = PAGE.read_text().partition(HEADING)
    PAGE.write_text(text + heading + as_markdown())


if __name__ == "__main__":
    write_page()
