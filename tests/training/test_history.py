from __future__ import annotations

import json
import math

import pytest

from keepgate.training import History


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


def test_the_text_is_one_json_object_a_line():
    found = history(0.1 + 0.2, 1e-300)
    assert [json.loads(line) for line in found.text().splitlines()] == found.rows
