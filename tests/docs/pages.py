"""The documentation as the tests see it: pages, their blocks of code, their sections.

The word behind ``python`` says what a block is:

================== ==============================================================
``python``         runs, after the page's blocks before it, in a project such as
                   the README makes; or it is a file, named in its first line
``python settings`` lines that are put at the end of that project's settings
``python settings kept`` as before, and for the page's other blocks too
``python no-run``  is compiled only
``console``        commands; those of the README and the tutorial are run
``text``           commands and output; of these only ``tenants`` lines are read
================== ==============================================================
"""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCS = ROOT / "docs"
TUTORIAL = DOCS / "tutorial" / "first-tenants.md"
PAGES = [README, ROOT / "CHANGELOG.md", *sorted(DOCS.rglob("*.md"))]

INFOS = {
    "python",
    "python settings",
    "python settings kept",
    "python no-run",
    "console",
    "text",
    "sql",
}
FENCE = re.compile(r"^```(.*)$")
FILE = re.compile(r"# ([\w/]+\.py)(?:, (.+))?\Z")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)
ANCHOR = re.compile(r'<a id="([^"]+)"></a>')


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    info: str
    text: str

    def __str__(self):
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def is_python(self):
        """Whether it is Python of any sort."""
        return self.info.partition(" ")[0] == "python"

    @property
    def file(self):
        """The file that the block is, with the note behind its name; else None."""
        first = self.text.partition("\n")[0]
        found = FILE.match(first) if self.info == "python" else None
        return None if found is None else (found[1], found[2] or "")

    @property
    def code_lines(self):
        """The lines that a reader has to write."""
        lines = (line.strip() for line in self.text.splitlines())
        return [line for line in lines if line and not line.startswith("#")]


def blocks(page):
    """Return the fenced blocks of a page, in order."""
    found, inside = [], None
    for number, line in enumerate(page.read_text().splitlines(), 1):
        fence = FENCE.match(line)
        if fence is None:
            if inside is not None:
                inside[2].append(line)
        elif inside is None:
            inside = (number, fence[1], [])
        else:
            found.append(Block(page, inside[0], inside[1], "\n".join(inside[2])))
            inside = None
    assert inside is None, f"{page}: a block is not closed"
    return found


def all_blocks():
    """Return the blocks of all pages."""
    return [block for page in PAGES for block in blocks(page)]


def prose(page):
    """Return the page without its blocks."""
    kept, inside = [], False
    for line in page.read_text().splitlines():
        if FENCE.match(line):
            inside = not inside
        elif not inside:
            kept.append(line)
    return "\n".join(kept)


def section(page, heading):
    """Return the text below a heading, to the next one of the same or a higher rank."""
    text = prose(page)
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found, f"{page.relative_to(ROOT)} has no section {heading!r}"
    rest = text[found.end() :]
    following = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: following.start()] if following else rest


def rows(text):
    """Return the cells of the tables' rows, without heads."""
    found = []
    for line in text.splitlines():
        if line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            found.append(cells)
        else:
            found.append(None)
    return [
        cells
        for number, cells in enumerate(found)
        if cells is not None
        and not set("".join(cells)) <= set("-: ")
        and not (
            number + 1 < len(found)
            and found[number + 1] is not None
            and set("".join(found[number + 1])) <= set("-: ")
            and any(found[number + 1])
        )
    ]


def names(cell):
    """Return the words in code type of a cell."""
    return re.findall(r"`([^`]+)`", cell)


def slug(heading):
    """Return the anchor that a heading gets."""
    kept = re.sub(r"[^\w\- ]", "", heading.strip().lower())
    return kept.replace(" ", "-")


def anchors(page):
    """Return all the anchors of a page."""
    text = prose(page)
    return {slug(found) for found in HEADING.findall(text)} | set(ANCHOR.findall(text))
