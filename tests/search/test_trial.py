"""A trial: sizes match, the measure is what it says, and the same seed gives the same bits."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from keepgate import cells
from keepgate.equations import Cell, Equations, affine, relu
from keepgate.search.synthetic import TASKS
from keepgate.search.tasks import Batch
from keepgate.search.trial import Lost, Network, Trial, hidden_size, score, weights

LSTM = cells.get("lstm").equations


@pytest.mark.parametrize("name", ["gru", "mut1", "rnn", "peephole_lstm", "multiplicative_lstm"])
def test_all_cells_get_as_many_weights(name: str):
    equations = cells.get(name).equations
    wanted = weights(LSTM, 6, 24)
    hidden = hidden_size(equations, 6, wanted)
    assert weights(LSTM, 6, 24) == 4 * (24 * (24 + 6) + 2 * 24)
    assert abs(weights(equations, 6, hidden) - wanted) / wanted < 0.04
    assert hidden_size(LSTM, 6, wanted) == 24


def test_scores_learn_and_repeat_themselves():
    trial = Trial(cells.get("gru").equations, TASKS["latch"], 600, 0.02, 5)
    first = list(trial.scores((5, 40, 120)))
    assert first == list(trial.scores((5, 40, 120)))
    assert first[0] < first[2]
    assert first[2] > 0.5
    assert list(trial.scores((120,))) == first[2:]


def test_no_error_is_one_and_the_best_constant_is_zero():
    """By answers put in place of the network's."""

    class Known:
        name, inputs, outputs, classes = "known", 1, 2, True

        def draw(self, count, random, held_out):
            target = random.integers(0, 2, (4, count))
            return Batch(target[..., None].astype(np.float32), target, np.ones(target.shape, bool))

    network, task = Network(LSTM, Known(), 3), Known()
    shares = np.bincount(task.draw(256, np.random.default_rng([1968, 0]), True).target.ravel()) / 1024
    with torch.no_grad():
        network.output.weight.zero_()
        network.output.bias.copy_(torch.zeros(2))
    even = score(network, task)
    assert even == pytest.approx(0, abs=5e-3)  # nearly half of each class
    assert shares == pytest.approx(0.5, abs=0.05)

    def answers(batch: Batch) -> torch.Tensor:
        return torch.tensor(0.0)

    network.loss = answers  # type: ignore[method-assign]
    assert score(network, task) == 1


def test_what_is_not_finite_is_lost():
    class Bomb(Cell):
        def step(self, x, last):
            return self.State(h=relu(1e30 * affine("a", x, last.h)))

    with pytest.raises(Lost, match="not finite"):
        list(Trial(Bomb().equations, TASKS["latch"], 200, 0.1, 0).scores((5,)))


def test_seeds_differ_and_cells_see_the_same_batches():
    seen: list[bytes] = []

    class Watched:
        name, inputs, outputs, classes = "watched", 2, 1, False

        def draw(self, count, random, held_out):
            batch = TASKS["latch"].draw(count, random, held_out)
            seen.append(batch.x.tobytes())
            return batch

    for equations, seed in ((LSTM, 0), (cells.get("rnn").equations, 0), (LSTM, 1)):
        list(Trial(equations, Watched(), 200, 0.01, seed).scores((2,)))
    assert seen[0:3] == seen[3:6]
    assert seen[0] != seen[6]
    assert isinstance(LSTM, Equations)
