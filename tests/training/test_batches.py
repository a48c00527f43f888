from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
import torch

from keepgate.training.batches import Batches, cut, order
from keepgate.training.distributed import Processes
from keepgate.training.examples import Examples


class Rows(Examples):
    """Example i is i repeated as often as it is long."""

    def __init__(self, *lengths):
        self.lengths = lengths

    def __len__(self):
        return len(self.lengths)

    def length(self, index):
        return self.lengths[index]

    def batch(self, indices):
        longest = max((self.lengths[i] for i in indices), default=0)
        return torch.tensor([[i if t < self.lengths[i] else -1 for i in indices] for t in range(longest)])

    def window(self, batch, start, stop):
        return batch[start:stop]

    def weight(self, batch, count):
        return float((batch >= 0).sum())


def batches(*lengths, size=2, window=None, processes=None):
    return Batches(Rows(*lengths), size, window, processes or Processes())


@pytest.mark.parametrize("lengths", [[3] * 10, [5, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5], [7], [0, 2, 0]])
@pytest.mark.parametrize("size", [1, 2, 4, 100])
def test_every_example_is_in_one_batch_of_an_epoch(lengths, size):
    made = order(np.array(lengths), size, seed=3, epoch=1)
    assert Counter(np.concatenate(made).tolist()) == Counter(range(len(lengths)))
    assert max(map(len, made)) <= size
    assert len(made) == -(-len(lengths) // size)


def test_no_example_makes_no_batch():
    assert order(np.array([], dtype=np.int64), 4, 0, 0) == []
    assert cut(np.arange(0), 4) == []


def test_an_epoch_is_a_function_of_seed_and_epoch():
    lengths = np.random.default_rng(0).integers(1, 50, 64)
    one, again, next_, other = (order(lengths, 4, *key) for key in ((0, 0), (0, 0), (0, 1), (1, 0)))
    assert [batch.tolist() for batch in one] == [batch.tolist() for batch in again]
    assert [batch.tolist() for batch in one] != [batch.tolist() for batch in next_]
    assert [batch.tolist() for batch in one] != [batch.tolist() for batch in other]


def test_rows_of_a_batch_are_alike_in_length():
    """Pools of sqrt(256 / 4) batches sorted by length: padding is a small part of what shuffling alone would have."""
    lengths = np.random.default_rng(0).integers(1, 200, 256)
    padding = sum(int((lengths[b].max() - lengths[b]).sum()) for b in order(lengths, 4, 0, 0))
    shuffled = cut(np.random.default_rng(1).permutation(256), 4)
    assert padding < sum(int((lengths[b].max() - lengths[b]).sum()) for b in shuffled) / 4


def test_an_evaluation_goes_from_short_to_long():
    made = batches(3, 1, 2, 1, size=3)
    assert [batch.tolist() for batch in made.from_short_to_long()] == [[1, 3, 2], [0]]


@pytest.mark.parametrize("window", [1, 2, 3, 100])
def test_windows_are_the_batch_in_pieces(window):
    made = batches(5, 3, window=window)
    parts = list(made.windows(np.array([0, 1])))
    assert torch.equal(torch.cat([part.content for part in parts]), Rows(5, 3).batch([0, 1]))
    assert sum(part.weight for part in parts) == 8.0
    assert [part.done for part in parts] == [(k + 0.5) / len(parts) for k in range(len(parts))]
    rest = list(made.windows(np.array([0, 1]), first=1))
    assert all(torch.equal(a.content, b.content) for a, b in zip(rest, parts[1:], strict=True))


def test_without_windows_there_is_one_of_all():
    (whole,) = batches(5, 3).windows(np.array([0, 1]))
    assert (whole.weight, whole.done) == (8.0, 0.5)
    assert whole.content.shape == (5, 2)


def test_a_batch_of_no_steps_still_has_its_update():
    (only,) = batches(0, 0, window=3).windows(np.array([0, 1]))
    assert only.weight == 0.0


def test_processes_go_through_as_many_windows_as_the_longest_needs():
    """The one with the short example repeats its last window, which does not count."""
    long, short = (
        list(batches(6, 2, window=2, processes=Processes(rank, 2)).windows(np.array([0, 1]))) for rank in (0, 1)
    )
    assert [part.weight for part in long] == [2.0, 2.0, 2.0]
    assert [part.weight for part in short] == [2.0, 0.0, 0.0]
    assert all(torch.equal(part.content, short[0].content) for part in short)


def test_a_process_without_an_example_keeps_the_others_company():
    idle = list(batches(3, window=None, processes=Processes(1, 2)).windows(np.array([0])))
    assert [part.weight for part in idle] == [0.0]
