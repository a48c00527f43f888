from __future__ import annotations

import io

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
