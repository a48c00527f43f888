"""A score chooses the weights, is added up over batches and windows, and a resumed run has the same."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from keepgate.errors import InputError
from keepgate.training import Examples, Score, Settings, train


class Line(Examples):
    def __len__(self) -> int:
        return 1

    def __getitem__(self, index: int) -> torch.Tensor:
        return torch.zeros(1)


class Slope(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.zeros((), dtype=torch.float64))


def climb(model, batch):
    """Training pushes w up by 0.1 an epoch; held out, the loss is best at 0.33."""
    return -model.w if model.training else (model.w - 0.33) ** 2


def is_high(model, batch, state):
    return climb(model, batch), [float(model.w) > 0.55, 1], state


HIGH = Score("high", is_high, lambda counts: float(counts[0] / counts[1]))
SETTINGS = {"epochs": 9, "optimizer": "sgd", "learning_rate": 0.1, "momentum": 0.0, "clip_norm": None}


def test_the_score_chooses_and_of_equals_the_loss():
    history = train(model := Slope(), climb, Line(), Line(), Settings(**SETTINGS), score=HIGH)
    assert [row["valid_score"] for row in history.rows] == [0.0] * 5 + [1.0] * 4
    assert history.best_epoch == 6  # among those above 0.55 the loss is lowest there; by loss alone it would be 3
    assert float(model.w.detach()) == pytest.approx(0.6)


def test_patience_waits_for_the_score():
    history = train(model := Slope(), climb, Line(), Line(), Settings(**SETTINGS, patience=2), score=HIGH)
    assert len(history.rows) == 5  # the loss breaks the tie of scores until epoch 3
    assert float(model.w.detach()) == pytest.approx(0.3)


def absolute(model, batch, state):
    """The loss of `squares`, and the sum of absolute errors with the number of real steps."""
    x, y, mask = batch
    predicted, state = model(x, state)
    error = (predicted - y) * mask
    return (error**2).sum() / mask.sum(), torch.stack([error.abs().sum(), mask.sum()]), state


CLOSENESS = Score("closeness", absolute, lambda counts: -float(counts[0] / counts[1]))


@pytest.mark.parametrize("window", [None, 4])
@pytest.mark.parametrize("batch_size", [2, 7])
def test_counts_are_added_over_batches_and_windows(problem, window, batch_size: int):
    data, valid = problem.Sums(4, seed=1), problem.Sums(5, seed=2)
    settings = Settings(epochs=1, window=window, batch_size=batch_size)
    history = train(model := problem.network(), problem.squares, data, valid, settings, score=CLOSENESS)
    with torch.no_grad():
        errors = np.concatenate([(model(x[:, None])[0][:, 0] - x.sum(1).cumsum(0)).abs().numpy() for x in valid.x])
    assert history.rows[0]["valid_score"] == pytest.approx(-errors.mean(), rel=1e-12)
    without = train(problem.network(), problem.squares, data, valid, settings)
    assert without.rows[0]["valid_loss"] == pytest.approx(history.rows[0]["valid_loss"], rel=1e-12)
    assert "valid_score" not in without.rows[0]


def test_a_run_is_resumed_with_its_score_and_not_with_another(problem, tmp_path: Path):
    data, valid, settings = problem.Sums(7, seed=1), problem.Sums(3, seed=2), Settings(epochs=4)
    whole = train(problem.network(), problem.squares, data, valid, settings, score=CLOSENESS)

    def stop(row, model):
        if row["epoch"] == 2:
            raise KeyboardInterrupt

    given = (problem.squares, data, valid, settings, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        train(problem.network(), *given, callbacks=[stop], score=CLOSENESS)
    again = train(problem.network(), *given, score=CLOSENESS)
    assert [row["valid_score"] for row in again.rows] == [row["valid_score"] for row in whole.rows]
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[0])["valid_score"] < 0
    with pytest.raises(InputError, match="select"):
        train(problem.network(), *given)
