"""The batches of an epoch: which examples, in which order, cut into which windows."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from keepgate.training.distributed import Processes
from keepgate.training.examples import Examples

__all__ = ["Batches", "Window", "order"]


class Window(NamedTuple):
    """A piece of a batch to learn from: all of it, or some of its time steps.

    Attributes:
        content: as the data set gives it.
        weight: of its mean loss; 0 on a process that takes part only because all must.
        done: the position of its middle in the batch, 0 to 1.
    """

    content: Any
    weight: float  # of its mean loss; 0 where this process only keeps the others company
    done: float  # where its middle is in the batch, 0 to 1


class Batches:
    """The batches of a data set, of which this process gets its part.

    Full back-propagation (`window` None) has one window in a batch. With windows, every process goes through as many as
    the longest example of the whole batch has; one whose own examples are shorter repeats its last with weight 0, since
    all must take part in each update.

    Args:
        data: the examples.
        batch_size: examples in a batch, of all processes together.
        window: steps in a window, or None.
        processes: that train together.
    """

    def __init__(self, data: Examples, batch_size: int, window: int | None, processes: Processes):
        self.data, self.batch_size, self.window, self.processes = data, batch_size, window, processes
        self.lengths = np.array([data.length(index) for index in range(len(data))], dtype=np.int64)

    def shuffled(self, seed: int, epoch: int) -> list[np.ndarray]:
        """Return the batches of a training epoch, each an array of indices; a function of the arguments only."""
        return order(self.lengths, self.batch_size, seed, epoch)

    def from_short_to_long(self) -> list[np.ndarray]:
        """Return the batches of an evaluation."""
        return cut(np.argsort(self.lengths, kind="stable"), self.batch_size)

    def windows(self, indices: np.ndarray, first: int = 0) -> Iterator[Window]:
        """Yield the windows of a batch, starting with number `first`."""
        mine, count = self.processes.part(indices)
        batch, my_starts, all_starts = self.data.batch(mine), self._starts(mine), self._starts(indices)
        for number in range(first, len(all_starts)):
            start = my_starts[min(number, len(my_starts) - 1)]
            part = batch if self.window is None else self.data.window(batch, start, start + self.window)
            counts = count and number < len(my_starts)
            yield Window(part, self.data.weight(part, count) if counts else 0.0, (number + 0.5) / len(all_starts))

    def _starts(self, indices: np.ndarray) -> range:
        longest = int(self.lengths[indices].max())
        return range(1) if self.window is None else range(0, max(longest, 1), self.window)


def order(lengths: np.ndarray, batch_size: int, seed: int, epoch: int) -> list[np.ndarray]:
    """Return the batches of one epoch, each an array of indices; a function of the arguments only.

    Examples are shuffled, then sorted by length inside pools of about sqrt(number of batches) batches, so that the rows
    of a batch have similar lengths and batches are still composed differently each epoch; then the batches are
    shuffled.

    Args:
        lengths: time steps of each example.
        batch_size: examples in a batch.
        seed: of the run.
        epoch: from 0.
    """
    random = np.random.default_rng([seed, epoch])
    indices = random.permutation(len(lengths))
    if len(lengths) == 0 or lengths.min() == lengths.max():
        return cut(indices, batch_size)
    pool = batch_size * math.isqrt(len(lengths) // batch_size + 1)
    pools = [part[np.argsort(lengths[part], kind="stable")] for part in cut(indices, pool)]
    batches = [batch for part in pools for batch in cut(part, batch_size)]
    return [batches[i] for i in random.permutation(len(batches))]


def cut(indices: np.ndarray, size: int) -> list[np.ndarray]:
    """Return the indices in pieces of `size`; the last one may be smaller."""
    return [indices[start : start + size] for start in range(0, len(indices), size)]
