"""Lists every service of Django and each neighbour: what isolates it, what tries it.

The list is made from the tests themselves, which say it by `@pytest.mark.service`:
`python -m tests.services` writes it into `docs/reference/services.md`, and a test fails
where the page says anything else.
"""

import sys
from collections import defaultdict
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "reference" / "services.md"
FOLDERS = [
    f"tests/{each}"
    for each in (
        *("scopes", "contrib", "testing", "cli", "shared", "admin", "demo"),
        "users/apps",
    )
]
BEGIN, END = "<!-- services: begin -->\n", "<!-- services: end -->\n"
HEAD = "| Service | Tried with | What isolates it | Tests |\n|---|---|---|---|\n"


class Collected:
    """A plugin of pytest that keeps what the markers say."""

    def __init__(self):
        self.found = defaultdict(set)

    def pytest_collection_modifyitems(self, items):
        for item in items:
            for marker in item.iter_markers("service"):
                name, variant = marker.args
                row = (name, variant, marker.kwargs["by"])
                self.found[row].add(item.nodeid.split("[")[0].split("::")[0])


def table() -> str:
    """Return the table in Markdown, made from the tests that are there."""
    collected = Collected()
    folders = [folder for folder in FOLDERS if (ROOT / folder).is_dir()]
    arguments = ["--collect-only", "-qq", "-p", "no:cacheprovider"]
    with redirect_stdout(StringIO()) as said:
        status = pytest.main([*arguments, f"--rootdir={ROOT}", *folders], [collected])
    if status != pytest.ExitCode.OK:
        msg = f"The tests could not be collected: {status!r}\n{said.getvalue()}"
        raise RuntimeError(msg)
    lines = [
        f"| {name} | {variant} | {by} | {', '.join(f'`{f}`' for f in sorted(files))} |"
        for (name, variant, by), files in sorted(collected.found.items())
    ]
    return HEAD + "\n".join(lines) + "\n"


def rewritten(page: str) -> str:
    """Return the page with the table as it should be."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(PAGE.read_text() != rewritten(PAGE.read_text()))
    PAGE.write_text(rewritten(PAGE.read_text()))
