"""A line a minute where no terminal is; nothing where nothing is to be shown."""

from __future__ import annotations

import sys

import pytest

from keepgate.search import progress
from keepgate.search.progress import Progress


def test_lines(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(progress, "BETWEEN_LINES", 0.0)
    with Progress(120, True) as shown:
        shown.say("generation 3")
        shown.show(60.0)
    assert capsys.readouterr().err == "after 1 of 2 min: generation 3\n"


@pytest.mark.parametrize("shown", [True, False])
def test_nothing_where_nothing_is_to_be_shown(shown: bool, capsys: pytest.CaptureFixture[str]):
    with Progress(120, shown) as display:
        display.show(60.0)
    assert capsys.readouterr().err == ""


def test_a_bar_in_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with Progress(120, True) as shown:
        shown.say("choice")
        shown.bar.mininterval = 0
        shown.show(60.0)
        shown.show(500.0)
        assert shown.bar.n == 120
        shown.bar.refresh()
    assert "choice: 100%" in capsys.readouterr().err
