"""Notes how each test ended, by its id."""

import unittest

ORDER = [
    "ok",
    "skipped",
    "expected failure",
    "unexpected success",
    "failure",
    "error",
]


class Recorder(unittest.TextTestResult):
    """A test result that keeps the worst outcome of each id, and the error's text."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.outcomes = {}

    def note(self, test, outcome, why=""):
        known, _ = self.outcomes.get(test.id(), ("ok", ""))
        if ORDER.index(outcome) >= ORDER.index(known):
            self.outcomes[test.id()] = (outcome, why)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.note(test, "ok")

    def addError(self, test, err):
        super().addError(test, err)
        self.note(test, "error", said(err))

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.note(test, "failure", said(err))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            self.note(test, "failure" if failed else "error", said(err))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.note(test, "skipped", reason)

    def addExpectedFailure(self, test, err):
        super().addExpectedFailure(test, err)
        self.note(test, "expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.note(test, "unexpected success")


def said(err):
    """Return the error in one line."""
    return f"{err[0].__name__}: {err[1]}"[:500]
