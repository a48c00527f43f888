from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from keepgate.errors import InputError
from keepgate.training import Examples, Streams
from keepgate.training.batches import Batches, order
from keepgate.training.distributed import Processes

SIZES = st.lists(st.integers(0, 50), max_size=200).map(lambda sizes: np.array(sizes, dtype=np.int64))


@given(SIZES, st.integers(1, 40), st.integers(0, 2**40), st.integers(0, 1000))
def test_an_epoch_has_every_example_once_and_is_a_function_of_seed_and_epoch(lengths, batch_size, seed, epoch):
    batches = order(lengths, batch_size, seed, epoch)
    assert sorted(np.concatenate([*batches, []])) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert all(len(batch) <= batch_size for batch in batches)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    again = order(lengths, batch_size, seed, epoch)
    assert all((one == other).all() for one, other in zip(batches, again, strict=True))


class Sized(Examples):
    """Examples that are nothing but their lengths."""

    def __init__(self, lengths: np.ndarray):
        self.lengths = lengths

    def __len__(self) -> int:
        return len(self.lengths)

    def length(self, index: int) -> int:
        return int(self.lengths[index])

    def batch(self, indices: np.ndarray) -> list[range]:
        return [range(self.lengths[i]) for i in indices]

    def window(self, batch: list[range], start: int, stop: int) -> list[range]:
        return [one[start:stop] for one in batch]

    def weight(self, batch: list[range], count: int) -> float:
        return float(sum(map(len, batch)))


@given(SIZES.filter(len), st.integers(1, 5), st.integers(1, 60), st.integers(1, 4))
def test_the_windows_of_all_processes_are_the_whole_batch(lengths, batch_size, window, size):
    data = Sized(lengths)
    for indices in Batches(data, batch_size, window, Processes()).shuffled(0, 0):
        sides = [list(Batches(data, batch_size, window, Processes(r, size)).windows(indices)) for r in range(size)]
        whole = list(Batches(data, batch_size, window, Processes()).windows(indices))
        assert len({len(side) for side in [*sides, whole]}) == 1  # all take part in each update
        assert [sum(one.weight for one in at) for at in zip(*sides, strict=True)] == [one.weight for one in whole]
        assert sum(one.weight for one in whole) == lengths[indices].sum()
        assert [one.done for one in sides[-1]] == [(i + 0.5) / len(whole) for i in range(len(whole))]
        rest = list(Batches(data, batch_size, window, Processes()).windows(indices, first=2))
        assert rest == whole[2:]


@given(SIZES, st.integers(1, 40))
def test_an_evaluation_goes_from_short_to_long(lengths, batch_size):
    batches = Batches(Sized(lengths), batch_size, None, Processes()).from_short_to_long()
    assert sorted(np.concatenate([*batches, []])) == list(range(len(lengths)))
    assert (np.diff([lengths[i] for batch in batches for i in batch]) >= 0).all()


def padding(lengths: np.ndarray, batches: list[np.ndarray]) -> float:
    """The part of all steps that is padding."""
    return 1 - lengths.sum() / sum(lengths[batch].max() * len(batch) for batch in batches)


def test_batches_are_alike_in_length_and_differ_between_epochs_and_seeds():
    lengths = np.random.default_rng(0).integers(5, 500, 5000)
    shuffled = np.split(np.random.default_rng(1).permutation(5000)[: 156 * 32], 156)
    grouped = order(lengths, 32, seed=0, epoch=0)
    assert padding(lengths, shuffled) > 0.4
    assert padding(lengths, grouped) < 0.1
    longest = [lengths[batch].max() for batch in grouped]
    assert abs(np.corrcoef(longest, range(len(longest)))[0, 1]) < 0.3  # long batches come at any time
    for other in (order(lengths, 32, seed=0, epoch=1), order(lengths, 32, seed=1, epoch=0)):
        assert {frozenset(batch) for batch in other}.isdisjoint({frozenset(batch) for batch in grouped})


def test_examples_of_one_length_are_only_shuffled():
    batches = order(np.full(10, 7), 4, seed=3, epoch=0)
    assert [len(batch) for batch in batches] == [4, 4, 2]
    np.testing.assert_array_equal(np.concatenate(batches), np.random.default_rng([3, 0]).permutation(10))


class Pairs(Examples):
    def __init__(self, scale: float = 1.0, count: int = 5):
        self.scale, self.count = scale, count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int):
        return {"x": torch.full((3,), index * self.scale), "name": "a"}, index


def test_examples_are_stacked_unless_the_data_set_says_otherwise():
    fields, index = Pairs().batch(np.array([4, 1]))
    assert fields["x"].tolist() == [[4.0] * 3, [1.0] * 3]
    assert index.tolist() == [4, 1]
    assert Pairs().weight((fields, index), 2) == 2
    assert Pairs().length(0) == 1
    with pytest.raises(InputError, match="Pairs cannot be cut into windows"):
        Pairs().window((fields, index), 0, 1)


def test_the_fingerprint_tells_data_apart():
    prints = [Pairs(), Pairs(scale=1.0000001), Pairs(count=4), Pairs(count=3000), Pairs(count=2999)]
    assert len({data.fingerprint() for data in prints}) == len(prints)
    assert Pairs().fingerprint() == Pairs().fingerprint()


def test_streams_side_by_side_are_the_series_in_order():
    x = torch.arange(23)
    streams = Streams(x[:-1], x[1:], count=3)  # 22 steps: 7 in each stream, one left out
    assert (len(streams), streams.length(0)) == (3, 7)
    inputs, targets = batch = streams.batch(np.array([0, 1, 2]))
    assert inputs.T.flatten().tolist() == list(range(21))
    assert (targets == inputs + 1).all()
    windows = [streams.window(batch, start, start + 3) for start in (0, 3, 6)]
    assert [window[0].shape for window in windows] == [(3, 3), (3, 3), (1, 3)]
    assert torch.equal(torch.cat([window[1] for window in windows]), targets)
    assert [streams.weight(window, 3) for window in windows] == [9, 9, 3]
    assert streams.batch(np.array([2, 0]))[0][0].tolist() == [14, 0]


@pytest.mark.parametrize("series", [[torch.arange(2)], [torch.arange(9), torch.arange(8)], []])
def test_series_that_make_no_streams_are_refused(series):
    with pytest.raises(InputError, match=r"one common length of at least 3 steps \(count=3\)"):
        Streams(*series, count=3)
