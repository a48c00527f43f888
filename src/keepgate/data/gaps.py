"""Missing values of sequences: what ends early, and what is filled by straight lines."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from keepgate.errors import InputError

__all__ = ["count_gaps", "ended", "fill_gaps"]


def ended(values: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return sequences [T_i, C] without the steps at their ends that have no value in any channel.

    So tables and arrays say that a sequence is shorter than the longest.

    Raises:
        InputError: a sequence has no value at all.
    """
    found = []
    for i, value in enumerate(values):
        known = np.flatnonzero(~np.isnan(value).all(axis=1))
        if not len(known):
            raise InputError(f"X[{i}] has no value at all (NaN in every step): leave it out")
        found.append(value[: known[-1] + 1])
    return found


def count_gaps(values: Sequence[np.ndarray]) -> int:
    """Return how many values are missing (NaN)."""
    return sum(int(np.isnan(value).sum()) for value in values)


def fill_gaps(values: Sequence[np.ndarray], means: np.ndarray) -> list[np.ndarray]:
    """Return sequences [T_i, C] whose missing values (NaN) lie on straight lines between their neighbors in time.

    Before the first value of a channel, and after the last, it stands for all. A channel without a value in a sequence
    has its mean.

    Args:
        values: the sequences; those without gaps come back as they are.
        means: of each channel, [C].
    """
    return [_filled(value, means) if np.isnan(value).any() else value for value in values]


def _filled(value: np.ndarray, means: np.ndarray) -> np.ndarray:
    filled, steps = value.copy(), np.arange(len(value))
    for channel, mean in zip(filled.T, means, strict=True):
        known = ~np.isnan(channel)
        channel[:] = np.interp(steps, steps[known], channel[known]) if known.any() else mean
    return filled
