from __future__ import annotations

import json
import math

import pytest

from keepgate.errors import InputError
from keepgate.training import History
from keepgate.training.history import ROWS


def history(*losses: float | None) -> History:
    return History([{"epoch": i + 1, "train_loss": 9.0 - i, "valid_loss": loss} for i, loss in enumerate(losses)])


@pytest.mark.parametrize(
    ("losses", "epoch", "loss"),
    [
        ((), 0, math.inf),
        ((3.0, 1.0, 2.0), 2, 1.0),
        ((1.0, 1.0, 1.0), 1, 1.0),  # as good is not better
        ((None, None), 2, 8.0),  # nothing is held out: the last, and its training loss
    ],
)
def test_the_best_epoch_is_the_first_of_the_lowest_held_out_loss(losses, epoch: int, loss: float):
    found = history(*losses)
    assert (found.best_epoch, found.best_loss) == (epoch, loss)
    assert found.valid_losses == [one for one in losses if one is not None]


@pytest.mark.parametrize(
    ("scores", "losses", "epoch"),
    [
        ((0.1, 0.3, 0.2), (1.0, 3.0, 2.0), 2),  # the score, not the loss
        ((0.3, 0.3, 0.3), (2.0, 1.0, 1.0), 2),  # of equals the lower loss, then the first
    ],
)
def test_the_best_epoch_is_that_of_the_best_score_where_there_is_one(scores, losses, epoch: int):
    found = history(*losses)
    for row, score in zip(found.rows, scores, strict=True):
        row["valid_score"] = score
    assert found.best_epoch == epoch
    assert found.best_loss == losses[epoch - 1]


def test_rows_with_and_without_a_score_are_read_and_no_others():
    row = {"epoch": 1, "updates": 2, "train_loss": 1.0, "valid_loss": 1.0, "learning_rate": 0.1}
    row |= {"gradient_norm": 1.0, "seconds": 0.0}
    ROWS("rows", [row, {**row, "valid_score": 0.5}])
    for bad in ({"valid_score": None}, {"valid_score": "good"}, {"other": 1.0}):
        with pytest.raises(InputError):
            ROWS("rows", [{**row, **bad}])


def test_the_text_is_one_json_object_a_line():
    found = history(0.1 + 0.2, 1e-300)
    assert [json.loads(line) for line in found.text().splitlines()] == found.rows
