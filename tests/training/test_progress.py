from __future__ import annotations

import io
import re
import sys
import types

import pytest

from keepgate.training import Settings, train


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_epoch_losses_and_time_left(problem, monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal := Terminal())
    monkeypatch.setattr("keepgate.training.progress.SECONDS", 0.0)
    train(problem.network(), problem.squares, problem.Sums(8, 1), problem.Sums(4, 2), Settings(epochs=2, batch_size=4))
    shown = terminal.getvalue().split("\r")
    last = [line for line in shown if "epoch 2/2" in line][-1]
    assert "loss " in last
    assert "held-out " in last
    assert "(best " in last
    assert "00:00 < 00:00" in last
    assert " 88%" in last or " 75%" in last


@pytest.mark.parametrize("progress", [True, False])
def test_what_is_no_terminal_stays_clean(problem, monkeypatch, progress: bool):
    monkeypatch.setattr("sys.stderr", file := io.StringIO() if progress else Terminal())
    train(problem.network(), problem.squares, problem.Sums(4, 1), settings=Settings(epochs=1), progress=progress)
    assert file.getvalue() == ""


def test_without_a_terminal_a_line_is_printed_now_and_then(problem, monkeypatch):
    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    monkeypatch.setattr("keepgate.training.progress.BETWEEN_LINES", 0.0)
    train(problem.network(), problem.squares, problem.Sums(8, 1), problem.Sums(4, 2), Settings(epochs=2, batch_size=4))
    lines = file.getvalue().splitlines()
    assert len(lines) == 4
    assert re.fullmatch(r"epoch 1/2, 12% of the training after 0 min: loss \S+", lines[0])
    assert re.fullmatch(r"epoch 2/2, 88% of the training after 0 min: loss \S+, held-out \S+ \(best \S+\)", lines[-1])


def test_a_notebook_shows_a_bar(problem, monkeypatch):
    """The kernel is played by a module of its name; without its widgets the bar is one of text."""
    shell = types.SimpleNamespace(config={"IPKernelApp": {}})
    monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    monkeypatch.setattr("keepgate.training.progress.SECONDS", 0.0)
    train(problem.network(), problem.squares, problem.Sums(8, 1), settings=Settings(epochs=2, batch_size=4))
    assert "epoch 2/2" in file.getvalue()
