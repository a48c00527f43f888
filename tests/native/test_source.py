"""The core's sources keep to the line length that ruff holds Python to."""

from __future__ import annotations

import pytest

from native.process import TESTS

SOURCES = sorted(
    path
    for folder in ("native", "tests")
    for path in (TESTS.parent / folder).rglob("*.[ch]*")
    if path.suffix in (".h", ".cpp")
)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_no_line_is_too_long(path):
    assert not [number for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]


def test_there_are_sources():
    assert len(SOURCES) > 40
