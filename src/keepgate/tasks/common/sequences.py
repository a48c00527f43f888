"""What tasks on sequences of numbers learn from: sequences without gaps, and their examples."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from keepgate.data.arrays import as_sequences, of_channels
from keepgate.data.gaps import ended, fill_gaps
from keepgate.errors import InputError
from keepgate.tasks.common.padded import pad_frames, pad_numbers
from keepgate.training import Examples

__all__ = [
    "MOST_CHANNELS",
    "SequenceExamples",
    "channel_means",
    "check_channels",
    "sequences_of",
    "training_sequences",
]

MOST_CHANNELS = 1_000_000


class SequenceExamples(Examples):
    """Sequences [T_i, C] as batches of `(x [B, T, C] float64, lengths [B], targets [B])`; or numbers, x [B, T] int64.

    Args:
        values: the sequences, or rows of numbers [T_i].
        targets: of each one, such as the number of its class, [N]; None: zeros, int64.
    """

    def __init__(self, values: Sequence[np.ndarray], targets: np.ndarray | None = None):
        self.values = values
        self.targets = np.zeros(len(values), dtype=np.int64) if targets is None else targets

    def __len__(self) -> int:
        return len(self.values)

    def length(self, index: int) -> int:
        """Return the number of steps of sequence `index`."""
        return len(self.values[index])

    def batch(self, indices: Sequence[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Return the sequences `indices`, padded with zeros to the longest."""
        rows, targets = [self.values[i] for i in indices], torch.from_numpy(self.targets[indices])
        if rows[0].ndim == 1:
            return pad_numbers(rows), torch.tensor([len(row) for row in rows]), targets
        return *pad_frames(rows), targets


def check_channels(names: list[str] | None, count: int) -> None:
    """Check the names of channels.

    Raises:
        InputError: some channels have names and some have none.
    """
    if names is not None and len(names) != count:
        raise InputError(f"fitted.channels names {len(names)} of {count} channels")


def training_sequences(X: Any) -> list[np.ndarray]:
    """Return sequences [T_i, C] to learn from, in which values may be missing.

    Warns:
        UserWarning: X is an array with more channels than steps, and so may be [N, C, T].

    Raises:
        InputError: as `as_sequences`, or a sequence has no value.
    """
    shape = getattr(X, "shape", ())
    if len(shape) == 3 and shape[2] > shape[1]:
        warnings.warn(
            f"X is taken as [N, T, C], {shape[0]} series of {shape[1]} steps and {shape[2]} channels; if it is "
            "[N, C, T], as aeon and sktime have it, give X.transpose(0, 2, 1)",
            stacklevel=3,
        )
    return ended(as_sequences(X, gaps=True))


def channel_means(values: Sequence[np.ndarray]) -> np.ndarray:
    """Return the mean of each channel [C] over all steps that have a value.

    Raises:
        InputError: a channel has no value in any sequence.
    """
    frames = np.concatenate(values)
    empty = np.flatnonzero(np.isnan(frames).all(axis=0))
    if len(empty):
        raise InputError(f"channel {empty[0] + 1} of X has no value in any series: leave it out")
    return np.nanmean(frames, axis=0)


def sequences_of(X: Any, count: int, names: Sequence[str] | None, means: np.ndarray) -> list[np.ndarray]:
    """Return further sequences [T_i, C] for a model, their gaps filled.

    Args:
        X: see `keepgate.data.arrays.of_channels`.
        count: C.
        names: of the channels that the model was trained on, if they had names.
        means: of each channel, for sequences without a value of it.
    """
    return fill_gaps(ended(of_channels(X, count, names, gaps=True)), means)
