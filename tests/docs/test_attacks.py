"""The page on attacks names tests, and they are there."""

import re

import pytest

from tests.docs.pages import DOCS, ROOT

PAGE = DOCS / "explanation" / "attacks.md"
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")


@pytest.mark.parametrize(("file", "name"), sorted(set(NAMED.findall(PAGE.read_text()))))
def test_a_named_test_is_there(file, name):
    text = (ROOT / file).read_text()
    assert re.search(rf"^\s*(async )?def {name}\(", text, re.MULTILINE)
