"""What is printed, and kept for the JSON file."""

import json
import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

PACKAGES = [
    "Django",
    "psycopg",
    "psycopg-binary",
    "psycopg-c",
    "django-tenantry",
    "django-tenants",
    "django-pgschemas",
]


BUSY = 0.3  # load for each processor


class Report:
    """Prints as it goes, and remembers all of it."""

    def __init__(self):
        self.sections = {}
        self.verdicts = []
        self.about = {
            "when": datetime.now(UTC).isoformat(timespec="seconds"),
            "python": platform.python_version(),
            "machine": platform.machine(),
            "versions": {n: found for n in PACKAGES if (found := installed(n))},
        }

    def heading(self, text):
        print(f"\n{text}\n{'=' * len(text)}", flush=True)

    def note(self, text):
        print(text, flush=True)

    def table(self, title, columns, rows):
        """Print rows under their columns, numbers to the right."""
        cells = [columns, *([str(cell) for cell in row] for row in rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = [
            "  ".join(
                cell.ljust(width) if n == 0 else cell.rjust(width)
                for n, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        lines.insert(1, "  ".join("-" * width for width in widths))
        print(f"\n{title}\n\n" + "\n".join(lines), flush=True)

    def keep(self, section, **data):
        self.sections.setdefault(section, {}).update(data)

    def judge(self, *verdicts):
        self.verdicts.extend(verdicts)
        print()
        for verdict in verdicts:
            print(
                f"{verdict.result:6} {verdict.figure}: {verdict.measured}"
                f" (target: {verdict.target})",
                flush=True,
            )

    def summary(self):
        self.heading("Summary")
        self.table(
            "All figures against their targets",
            ["figure", "measured", "target", ""],
            [(v.figure, v.measured, v.target, v.result) for v in self.verdicts],
        )
        if any(verdict.result == "UNSURE" for verdict in self.verdicts):
            self.note(
                "\nUNSURE: the target lies inside the confidence interval; a quieter"
                " machine or more rounds would tell."
            )
        if self.about["load before"] > BUSY * self.about["processors"]:
            self.note(
                f"The machine was busy before this began (load"
                f" {self.about['load before']:.1f}): times, and the ratios of whole"
                " processes above all, are worth less."
            )

    @property
    def failed(self):
        return any(verdict.result == "FAIL" for verdict in self.verdicts)

    def write(self, path):
        data = {
            "about": self.about,
            "verdicts": [verdict.as_dict() for verdict in self.verdicts],
            **self.sections,
        }
        Path(path).write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def installed(name):
    try:
        return version(name)
    except PackageNotFoundError:
        return None
