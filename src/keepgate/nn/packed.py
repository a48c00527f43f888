"""PackedSequence as padded rows and back, by one index: torch's own functions take a turn for every step."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

__all__ = ["Packing"]


class Packing(NamedTuple):
    """How a PackedSequence lies in [T, B], rows in the order of the caller.

    Attributes:
        packed: the sequence.
        places: t * B + b of each of its rows.
        lengths: [B], on the CPU.
    """

    packed: PackedSequence
    places: Tensor
    lengths: Tensor

    @classmethod
    def of(cls, packed: PackedSequence) -> Packing:
        """Read the packing off a sequence."""
        sizes = packed.batch_sizes
        batch = int(sizes[0])
        rows = torch.arange(batch) if packed.sorted_indices is None else packed.sorted_indices.cpu()
        time = torch.repeat_interleave(torch.arange(len(sizes)), sizes)
        before = sizes.cumsum(0) - sizes
        places = time * batch + rows[torch.arange(len(time)) - before[time]]
        falling = (sizes[:, None] > torch.arange(batch)).sum(0)
        return cls(packed, places.to(packed.data.device), torch.empty_like(falling).index_copy(0, rows, falling))

    def pad(self) -> Tensor:
        """Return the sequence as [T, B, I], zero past each length."""
        data, shape = self.packed.data, (len(self.packed.batch_sizes), len(self.lengths))
        rows = data.new_zeros(shape[0] * shape[1], *data.shape[1:])
        return rows.index_copy(0, self.places, data).unflatten(0, shape)

    def pack(self, value: Tensor) -> PackedSequence:
        """Return [T, B, W] as a sequence packed like this one."""
        return PackedSequence(value.flatten(0, 1).index_select(0, self.places), *self.packed[1:])
