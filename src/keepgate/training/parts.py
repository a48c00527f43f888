"""Parts of a data set: what is held out, and what is learned from."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from keepgate.training.examples import Examples

__all__ = ["Part", "held_out_indices"]


class Part(Examples):
    """Some of the examples of a data set.

    Args:
        data: the data set.
        indices: of the examples, int64 [N].
    """

    def __init__(self, data: Examples, indices: np.ndarray):
        self.data, self.indices = data, indices

    def __len__(self) -> int:
        return len(self.indices)

    def batch(self, indices: np.ndarray) -> Any:
        """Return the batch of the examples `indices` of this part."""
        return self.data.batch(self.indices[indices])

    def length(self, index: int) -> int:
        """Return the time steps of an example."""
        return self.data.length(int(self.indices[index]))

    def window(self, batch: Any, start: int, stop: int) -> Any:
        """Return the time steps start to stop of a batch."""
        return self.data.window(batch, start, stop)

    def weight(self, batch: Any, count: int) -> float:
        """Return the weight of the mean loss of `batch`."""
        return self.data.weight(batch, count)

    def fingerprint(self) -> str:
        """Return digits that other data, and other parts of the same data, would not have."""
        return hashlib.sha256(self.data.fingerprint().encode() + self.indices.tobytes()).hexdigest()


def held_out_indices(
    count: int,
    share: float,
    seed: int,
    groups: Sequence[Hashable] | None = None,
    classes: Sequence[Hashable] | None = None,
) -> np.ndarray:
    """Return the examples to hold out, int64, sorted: about `share` of them, drawn from the seed.

    Args:
        count: of all examples.
        share: between 0 and 1.
        seed: of the draw.
        groups: the group of each example, such as its speaker: whole groups are held out, at least one, and at least
            one is left. With a single group nothing is held out.
        classes: the class of each example: the same share of every class is held out, and none of a class that would
            have fewer than two examples left. Without effect where groups are given.
    """
    random = np.random.default_rng([seed, count])
    if share == 0:
        return np.zeros(0, np.int64)
    if groups is not None:
        return _of_groups(groups, share * count, random)
    kinds = np.zeros(count, np.int64) if classes is None else _numbers(classes)
    chosen = []
    for kind in range(int(kinds.max(initial=-1)) + 1):
        (members,) = np.nonzero(kinds == kind)
        wanted = int(share * len(members) + random.random())  # so that rare classes come by their share in the mean
        chosen.append(random.permutation(members)[: max(min(wanted, len(members) - 2), 0)])
    return np.sort(np.concatenate([*chosen, np.zeros(0, np.int64)]))


def _of_groups(groups: Sequence[Hashable], wanted: float, random: np.random.Generator) -> np.ndarray:
    numbers = _numbers(groups)
    sizes = np.bincount(numbers)
    order = random.permutation(len(sizes))[:-1]
    enough = int(np.searchsorted(np.cumsum(sizes[order]), wanted)) + 1
    return np.flatnonzero(np.isin(numbers, order[:enough]))


def _numbers(names: Sequence[Hashable]) -> np.ndarray:
    """Return a number for each name, by first appearance."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(name, len(numbers)) for name in names], np.int64)
