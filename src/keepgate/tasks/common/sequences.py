"""What tasks on sequences of numbers learn from: their examples."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from keepgate.errors import InputError
from keepgate.tasks.common.padded import pad_frames, pad_numbers
from keepgate.training import Examples

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
