"""Medians with their confidence intervals, and verdicts against a target."""

import math
import statistics
from dataclasses import asdict, dataclass

Z95 = 1.96


@dataclass(frozen=True)
class Median:
    """A median with the 95 % interval that its order statistics give."""

    value: float
    low: float
    high: float
    count: int

    @classmethod
    def of(cls, values):
        ordered = sorted(values)
        count = len(ordered)
        reach = Z95 * math.sqrt(count) / 2
        low = max(0, math.floor(count / 2 - reach))
        high = min(count - 1, math.ceil(count / 2 + reach))
        return cls(statistics.median(ordered), ordered[low], ordered[high], count)

    def text(self, form=".3f"):
        return f"{self.value:{form}} ({self.low:{form}} to {self.high:{form}})"


@dataclass(frozen=True)
class Verdict:
    """A figure, the target it was given, and whether it met it."""

    figure: str
    measured: str
    target: str
    result: str

    def as_dict(self):
        return asdict(self)


def at_most(figure, value, target, *, unit=""):
    """Judge a number, or a `Median`: it fails if its whole interval is beyond."""
    if isinstance(value, Median):
        measured, low, high = value.text(), value.low, value.high
    else:
        measured, low, high = f"{value:,.3g}", value, value
    result = "PASS" if high <= target else "FAIL" if low > target else "UNSURE"
    return Verdict(figure, measured + unit, f"at most {target:g}{unit}", result)


def holds(figure, measured, target, *, met):
    return Verdict(figure, measured, target, "PASS" if met else "FAIL")
